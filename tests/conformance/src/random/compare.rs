//! A program on both sides.

use std::time::Duration;

use crate::uapi::fake::Fake;
use crate::uapi::kernel::{Kernel, Linux};
use crate::uapi::mappings::{Spaces, lines};

use super::program::Program;
use super::run::{Outcome, run};

/// Longest time that the driver may take to release destroyed objects.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Expected results of a program.
pub struct Expected<'a> {
    /// A run ends where it says something else.
    pub text: Option<&'a str>,
    pub looks: &'a [Spaces],
    pub patience: Duration,
}

/// Runs a program on the fake.
pub fn on_fake(program: &Program, linux: Linux) -> Outcome {
    let fake = Fake::new(linux);
    let outcome = run(program, &fake, linux, None);
    fake.device().assert_released();
    outcome
}

/// A program on the fake, and on the driver up to where it does something else.
pub struct Both {
    pub fake: Outcome,
    pub driver: Outcome,
}

impl Both {
    pub fn run(program: &Program, driver: &dyn Kernel, linux: Linux, patience: Duration) -> Self {
        Self::beside(on_fake(program, linux), program, driver, linux, patience)
    }

    /// Runs a program on the driver, of which the fake is known.
    pub fn beside(
        fake: Outcome,
        program: &Program,
        driver: &dyn Kernel,
        linux: Linux,
        patience: Duration,
    ) -> Self {
        let told = driver.address_spaces().is_some();
        let looks = if told { &fake.looks[..] } else { &[] };
        let expected = Expected { text: Some(&fake.text), looks, patience };
        let driver = run(program, driver, linux, Some(&expected));
        Self { fake, driver }
    }

    pub fn differs(&self) -> bool {
        self.driver.differs
    }

    /// Returns the first differing line without its result, which is the kind of the difference.
    pub fn kind(&self) -> &str {
        let mut pairs = self.driver.text.lines().zip(self.fake.text.lines());
        let line = pairs.find(|(driver, fake)| driver != fake).map_or("", |(driver, _)| driver);
        line.split_whitespace().next().unwrap_or("")
    }

    /// Returns the differing lines, and the lines before them.
    pub fn difference(&self) -> String {
        let (driver, fake): (Vec<_>, Vec<_>) =
            (self.driver.text.lines().collect(), self.fake.text.lines().collect());
        let same = driver.iter().zip(&fake).take_while(|(driver, fake)| driver == fake).count();
        let mut text = String::new();
        let mut add = |sign: &str, lines: &[&str]| {
            for line in lines {
                text += &format!("{sign} {line}\n");
            }
        };
        add(" ", &driver[same.saturating_sub(4)..same]);
        add("-", &driver[same..driver.len().min(same + 2)]);
        add("+", &fake[same..fake.len().min(same + 2)]);
        let looked = self.driver.looks.iter().zip(&self.fake.looks).find(|(a, b)| a != b);
        if let Some((driver, fake)) = looked {
            let (driver, fake) = (lines(driver), lines(fake));
            for line in driver.iter().filter(|line| !fake.contains(line)).take(20) {
                text += &format!("- {line}\n");
            }
            for line in fake.iter().filter(|line| !driver.contains(line)).take(20) {
                text += &format!("+ {line}\n");
            }
        }
        text
    }
}
