//! Rights of threads to inspect descriptors of other threads.

use nix::unistd::Pid;

use super::process::{field, is_shortage, status};
use crate::call::errno::Result;

/// Returns whether a thread may inspect the descriptors of another one, as far as this process can
/// tell.
///
/// Both threads must be in one process or have the same user, or the first has `CAP_SYS_PTRACE`. A
/// result of `false` implies that the kernel refuses as well; the kernel checks more rules.
///
/// # Errors
/// `EMFILE`, `ENFILE` and `ENOMEM`: this process lacks what it needs to find out.
pub(super) fn may_inspect(caller: Pid, owner: Pid) -> Result<bool> {
    if caller == owner {
        return Ok(true);
    }
    // A thread in another user namespace can have all capabilities there and none here.
    let namespace = |name: &str| std::fs::read_link(format!("/proc/{name}/ns/user")).ok();
    let at_home = namespace("self").is_some_and(|own| namespace(&caller.to_string()) == Some(own));
    match (status(caller), status(owner)) {
        (Ok(caller), Ok(owner)) => {
            Ok((at_home && has_ptrace(&caller)) || is_related(&caller, &owner))
        }
        (Err(errno), _) | (_, Err(errno)) if is_shortage(errno) => Err(errno),
        _ => Ok(false),
    }
}

fn has_ptrace(status: &str) -> bool {
    const SYS_PTRACE: u32 = 19;

    let effective = field(status, "CapEff").and_then(|set| u64::from_str_radix(set, 16).ok());
    effective.is_some_and(|effective| effective >> SYS_PTRACE & 1 != 0)
}

fn is_related(caller: &str, owner: &str) -> bool {
    let process = field(caller, "Tgid");
    (process.is_some() && process == field(owner, "Tgid"))
        || (is_same(caller, owner, "Uid") && is_same(caller, owner, "Gid"))
}

/// Returns whether all three IDs of the owner equal the file system ID of the caller.
fn is_same(caller: &str, owner: &str, name: &str) -> bool {
    let identities = |status| field(status, name).map(|line| line.split_ascii_whitespace());
    let (Some(mut caller), Some(owner)) = (identities(caller), identities(owner)) else {
        return false;
    };
    let caller = caller.nth(3);
    caller.is_some() && owner.take(3).all(|identity| Some(identity) == caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(process: u32, user: u32, capabilities: u64) -> String {
        let ids = format!("{user}\t{user}\t{user}\t{user}");
        format!("Tgid:\t{process}\nUid:\t{ids}\nGid:\t{ids}\nCapEff:\t{capabilities:016x}\n")
    }

    #[test]
    fn another_user_may_not_look() {
        let own = status(7, 1000, 0);
        assert!(is_related(&own, &status(8, 1000, 0)));
        assert!(is_related(&own, &status(7, 0, 0)));
        assert!(!is_related(&own, &status(8, 0, 0)));
        assert!(!is_related(&own, &status(8, 1001, 0)));
        assert!(!is_related("", ""));
        assert!(!has_ptrace(&own) && has_ptrace(&status(7, 1000, 1 << 19)));
    }

    #[test]
    fn a_thread_may_look_at_its_process() {
        assert_eq!(may_inspect(nix::unistd::gettid(), Pid::this()), Ok(true));
    }
}
