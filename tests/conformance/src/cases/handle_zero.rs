//! Handle 0 of a syncobj, which is kept back until it is destroyed.

use crate::case::Cases;
use crate::uapi::client::Client;

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_destroy");
    cases.add("zero_before_any", |c| {
        c.destroy_syncobj(0);
        create(c, 2);
    });
    cases.add("zero_after_all", |c| {
        create(c, 1);
        c.destroy_syncobj(1);
        c.destroy_syncobj(0);
        create(c, 2);
    });
    cases.add("zero_among_others", |c| {
        create(c, 1);
        c.destroy_syncobj(0);
        create(c, 3);
    });
    cases.add("zero_that_was_given", |c| {
        create(c, 1);
        c.destroy_syncobj(0);
        create(c, 1);
        c.reset(&[0]);
        c.destroy_syncobj(0);
        c.destroy_syncobj(0);
        create(c, 2);
    });
    cases.add("zero_that_is_the_last", |c| {
        create(c, 1);
        c.destroy_syncobj(0);
        create(c, 1);
        c.destroy_syncobj(1);
        c.destroy_syncobj(0);
        create(c, 2);
    });
    cases.add("zero_stays_free_without_others", |c| {
        create(c, 1);
        c.destroy_syncobj(0);
        c.destroy_syncobj(1);
        create(c, 2);
    });
}

fn create(c: &mut Client<'_>, count: usize) {
    for _ in 0..count {
        c.syncobj();
    }
}
