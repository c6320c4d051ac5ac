//! The scripts: each operation is one of them, so it is one atomic step on the server.

use std::sync::LazyLock;

use redis::{Cmd, Script as Hashed};

/// The first line of a script that writes: where nothing can be written, on a replica or without memory, it does not begin.
const WRITES: &str = "#!lua\n";
/// The same for one that makes room.
const MAKES_ROOM: &str = "#!lua flags=allow-oom\n";
const NO_REPLICA: &str = include_str!("lua/no_replica.lua");
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
    LOOK = [NO_REPLICA, RULES, RECORDS, include_str!("lua/look.lua")];
    MARKED = [NO_REPLICA, RULES, RECORDS, include_str!("lua/marked.lua")];
    REPORT = [NO_REPLICA, RULES, RECORDS, include_str!("lua/report.lua")];
    NEWS = [NO_REPLICA, RULES, include_str!("lua/news.lua")];
    REGISTER = [WRITES, RULES, RECORDS, SETS, include_str!("lua/register.lua")];
    TERMINATE = [WRITES, RULES, RECORDS, SETS, include_str!("lua/terminate.lua")];
    EXTEND = [WRITES, RULES, RECORDS, SETS, include_str!("lua/extend.lua")];
    REBIND = [WRITES, RULES, RECORDS, SETS, include_str!("lua/rebind.lua")];
    FORGET = [MAKES_ROOM, RULES, RECORDS, SETS, include_str!("lua/forget.lua")];
    UNREGISTER = [MAKES_ROOM, RULES, RECORDS, SETS, include_str!("lua/unregister.lua")];
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
