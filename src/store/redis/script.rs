//! The scripts: each operation is one of them, so it is one atomic step on the server.

use std::sync::LazyLock;

use redis::{Cmd, Script as Hashed};

const RULES: &str = include_str!("lua/rules.lua");
const RECORDS: &str = include_str!("lua/records.lua");
const SETS: &str = include_str!("lua/sets.lua");

/// A script, and the digest by which a server that has it finds it.
#[derive(Debug)]
pub(super) struct Script {
    text: String,
    digest: String,
}

macro_rules! scripts {
    ($($name:ident = [$($part:expr),+];)*) => {
        $(
            pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::of(&[$($part),+]));
        )*
    };
}

scripts! {
    LOOK = [RULES, RECORDS, include_str!("lua/look.lua")];
    MARKED = [RULES, RECORDS, include_str!("lua/marked.lua")];
    NEWS = [RULES, include_str!("lua/news.lua")];
    REPORT = [RULES, RECORDS, include_str!("lua/report.lua")];
    REGISTER = [RULES, RECORDS, SETS, include_str!("lua/register.lua")];
    TERMINATE = [RULES, RECORDS, SETS, include_str!("lua/terminate.lua")];
    FORGET = [RULES, RECORDS, SETS, include_str!("lua/forget.lua")];
    EXTEND = [RULES, RECORDS, SETS, include_str!("lua/extend.lua")];
    UNREGISTER = [RULES, RECORDS, SETS, include_str!("lua/unregister.lua")];
    REBIND = [RULES, RECORDS, SETS, include_str!("lua/rebind.lua")];
}

impl Script {
    fn of(parts: &[&str]) -> Self {
        let text = parts.concat();
        let digest = Hashed::new(&text).get_hash().to_owned();
        Self { text, digest }
    }

    /// Runs the script by its digest; arguments follow.
    pub(super) fn by_digest(&self, key: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.digest).arg(1).arg(key);
        command
    }

    /// The same command for a server that does not have the script yet: a new one, or one that took over. It has it afterwards.
    pub(super) fn in_full(&self, by_digest: &Cmd) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(&self.text);
        for arg in by_digest.args_iter().skip(2) {
            if let redis::Arg::Simple(arg) = arg {
                command.arg(arg);
            }
        }
        command
    }
}
