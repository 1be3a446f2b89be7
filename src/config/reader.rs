//! Collects settings from every source, returns them one by one, and records problems.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The prefix of our environment variables.
pub const PREFIX: &str = "DOORWARD_";

/// Where a value came from; later sources override earlier ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    DotEnv,
    Environment,
    Flag,
    /// Derived from another setting.
    Derived(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => path.display().fmt(f),
            Source::DotEnv => f.write_str(".env"),
            Source::Environment => f.write_str("environment"),
            Source::Flag => f.write_str("flag"),
            Source::Derived(setting) => write!(f, "derived from {setting}"),
        }
    }
}

/// One setting as `config show` prints it. Never contains the value of a secret.
#[derive(Clone, Debug)]
pub struct Shown {
    pub key: &'static str,
    pub value: String,
    pub source: Source,
}

/// All settings before they are parsed, and the problems.
#[derive(Default)]
pub struct Given {
    values: BTreeMap<String, (String, Source)>,
    /// Keys that were given without a value: only their names are checked.
    empty: BTreeMap<String, Source>,
    problems: Vec<String>,
}

impl Given {
    /// The text of a `doorward.toml`: tables of numbers, texts, switches, and lists of them.
    pub fn add_toml(&mut self, path: &Path, text: &str) {
        match toml::from_str(text) {
            Ok(table) => self.add_table(&Source::File(path.to_owned()), "", table),
            // The parser's long message quotes the line, which may contain a secret.
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start));
                let line = before.unwrap_or_default().matches('\n').count() + 1;
                self.problem(format!(
                    "{}, line {line}: {}",
                    path.display(),
                    error.message()
                ));
            }
        }
    }

    fn add_table(&mut self, source: &Source, prefix: &str, table: toml::Table) {
        for (key, value) in table {
            let key = format!("{prefix}{key}");
            let plain = match value {
                toml::Value::Table(inner) => {
                    self.add_table(source, &format!("{key}."), inner);
                    continue;
                }
                toml::Value::Array(items) => {
                    let items: Option<Vec<_>> = items.iter().map(scalar).collect();
                    items.map(|items| items.join(","))
                }
                value => scalar(&value),
            };
            match plain {
                Some(value) => self.add(key, value, source.clone()),
                None => self.problem(format!(
                    "{key} (from {source}): expected text, a whole number, true or false, or a \
                     list of those"
                )),
            }
        }
    }

    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Environment variables that begin with `DOORWARD_`, with `__` for the dot.
    pub fn add_variables(
        &mut self,
        source: Source,
        variables: impl Iterator<Item = (String, String)>,
    ) {
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(PREFIX) {
                self.add(
                    key.to_ascii_lowercase().replace("__", "."),
                    value,
                    source.clone(),
                );
            }
        }
    }

    /// An empty value means unset: compose files and templates write empty variables, which must
    /// not override another source.
    pub fn add(&mut self, key: String, value: String, source: Source) {
        if value.trim().is_empty() {
            self.empty.insert(key, source);
        } else {
            self.values.insert(key, (value, source));
        }
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}

/// Without surrounding quotes: `docker run --env-file` and old versions of compose pass on the
/// quotes of `NAME="value"`.
fn unquoted(value: &str) -> &str {
    let inner = ['"', '\''].into_iter().find_map(|quote| {
        let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner.trim())
    });
    inner.unwrap_or(value)
}

pub struct Reader {
    given: BTreeMap<String, (String, Source)>,
    empty: BTreeMap<String, Source>,
    shown: Vec<Shown>,
    problems: Vec<String>,
}

impl Reader {
    pub fn new(given: Given) -> Self {
        Self {
            given: given.values,
            empty: given.empty,
            shown: Vec::new(),
            problems: given.problems,
        }
    }

    /// The setting `key`, or its default. A value that is not accepted is recorded with `expected`
    /// and replaced by the default, so that the following settings are checked too.
    pub fn take<T>(
        &mut self,
        key: &'static str,
        default: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.empty.remove(key);
        let (value, source) = match self.given.remove(key) {
            Some((value, source)) => (unquoted(value.trim()).to_owned(), source),
            None => (default.to_owned(), Source::Default),
        };
        let parsed = parse(&value).unwrap_or_else(|| {
            // The value may contain a name and a password in place of a plain address.
            let shown = if value.contains('@') { "…" } else { &value };
            self.problem(format!(
                "{key} = {shown:?} (from {source}): expected {expected}"
            ));
            parse(default).expect("every default parses")
        });
        self.shown.push(Shown { key, value, source });
        parsed
    }

    /// A secret setting, or the content of the file that `<key>_file` names. Problems and listings
    /// never show the value.
    pub fn take_secret<T>(
        &mut self,
        key: &'static str,
        unset: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let key_file = format!("{key}_file");
        self.empty.remove(key);
        self.empty.remove(&key_file);
        let file = self.given.remove(&key_file);
        let (value, source) = match (self.given.remove(key), file) {
            (Some(_), Some(_)) => {
                self.problem(format!(
                    "{key} and {key}_file are both set: remove one of them"
                ));
                return None;
            }
            (Some(given), None) => given,
            (None, Some((path, source))) => match std::fs::read_to_string(unquoted(path.trim())) {
                // Editors on Windows write a byte order mark at the start.
                Ok(text) => (text.trim_start_matches('\u{feff}').to_owned(), source),
                Err(error) => {
                    self.problem(format!("{key}_file = {path:?} (from {source}): {error}"));
                    return None;
                }
            },
            (None, None) => {
                self.shown.push(Shown {
                    key,
                    value: unset.to_owned(),
                    source: Source::Default,
                });
                return None;
            }
        };
        let value = value.trim();
        let parsed = parse(value).or_else(|| parse(unquoted(value)));
        if parsed.is_none() {
            self.problem(format!("{key} (from {source}): expected {expected}"));
        }
        self.shown.push(Shown {
            key,
            value: "[secret]".to_owned(),
            source,
        });
        parsed
    }

    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Settings that were not read are unknown.
    pub fn finish(mut self) -> Result<Vec<Shown>, Vec<String>> {
        let given = std::mem::take(&mut self.given).into_iter();
        let given = given.map(|(key, (_, source))| (key, source));
        let unknown: BTreeMap<_, _> = given.chain(std::mem::take(&mut self.empty)).collect();
        for (key, source) in unknown {
            self.problem(format!("{key} (from {source}): there is no such setting"));
        }
        if self.problems.is_empty() {
            Ok(self.shown)
        } else {
            Err(self.problems)
        }
    }
}
