//! What the tables are called.

use crate::config::ConfigError;

/// Leaves room for the longest suffix within the 63 bytes of a name in PostgreSQL, and for both in the name of the channel.
const MAX_BYTES: usize = 28;

/// A schema, if one was named, and what every name in it begins with.
#[derive(Clone, Debug)]
pub(super) struct Names {
    schema: Option<String>,
    prefix: String,
}

impl Names {
    pub(super) fn new(schema: Option<String>, prefix: String) -> Result<Self, ConfigError> {
        if let Some(schema) = &schema {
            check("schema", schema)?;
        }
        check("table_prefix", &prefix)?;
        Ok(Self { schema, prefix })
    }

    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Fills in the names: `{s}"{p}marks"` becomes `"schema"."prefix_marks"`.
    pub(super) fn fill(&self, template: &str) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("\"{schema}\"."));
        template
            .replace("{s}", &schema.unwrap_or_default())
            .replace("{p}", &self.prefix)
            .replace("{channel}", &self.channel())
    }

    /// Channels have no schema; two stores in two schemas must not wake each other for nothing.
    pub(super) fn channel(&self) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("{schema}."));
        format!("{}{}news", schema.unwrap_or_default(), self.prefix)
    }

    /// A number for the advisory lock of the migration.
    pub(super) fn lock(&self) -> i64 {
        // FNV-1a: the same in every version and on every node.
        let text = self.channel();
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash.cast_signed()
    }
}

/// Names go into the text of statements: only what needs no thought there.
fn check(field: &'static str, name: &str) -> Result<(), ConfigError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let problem = if name.is_empty() {
        "is empty; leave it out for the default"
    } else if name.len() > MAX_BYTES {
        "is longer than 28 bytes"
    } else if !name.bytes().all(plain) || name.starts_with(|first: char| first.is_ascii_digit()) {
        "is not a plain name; use a to z, 0 to 9 and _, not beginning with a digit"
    } else {
        return Ok(());
    };
    Err(ConfigError::new(field, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(schema: Option<&str>, prefix: &str) -> Result<Names, ConfigError> {
        Names::new(schema.map(str::to_owned), prefix.to_owned())
    }

    #[test]
    fn a_name_that_could_end_a_statement_is_refused() {
        for bad in [
            "",
            "a b",
            "a\"",
            "a'",
            "a;b",
            "a.b",
            "A",
            "ä",
            "1a",
            "a-b",
            "a\0",
            "$body$",
            &"x".repeat(29),
        ] {
            assert!(names(None, bad).is_err(), "{bad} was taken");
            let error = names(Some(bad), "ok_").unwrap_err();
            assert_eq!(error.field(), "schema");
        }
        for good in ["a", "_", "backchannel_", "user", &"x".repeat(28)] {
            assert!(names(Some(good), good).is_ok(), "{good} was refused");
        }
    }

    #[test]
    fn names_are_quoted_and_channels_fit() {
        let template = r#"SELECT FROM {s}"{p}marks""#;
        let plain = names(None, "backchannel_").unwrap();
        assert_eq!(plain.fill(template), r#"SELECT FROM "backchannel_marks""#);
        let longest = names(Some(&"s".repeat(28)), &"p".repeat(28)).unwrap();
        assert!(longest.channel().len() <= 63);
        let own = names(Some("user"), "x_").unwrap();
        assert_eq!(own.fill(template), r#"SELECT FROM "user"."x_marks""#);
        assert_ne!(own.lock(), plain.lock());
    }
}
