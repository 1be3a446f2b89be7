//! JSON objects: one for each line, or in one array, plain or wrapped by Django's dumpdata.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::{self, Field, Values};
use super::source::{Found, ignore};
use super::text::{ROW_MAX_BYTES, Text, text, too_long};
use crate::base::fault::Fault;
use crate::base::names::Refusal;

/// The current position relative to the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Before,
    Within,
    /// As these, of an array that is the only member of an object.
    BeforeWrapped,
    WithinWrapped,
    Behind,
}

/// Whether the file is one object whose first member is an array of objects, rather than rows that
/// happen to begin with an array. If so, the array is next.
pub fn open_wrapped(input: &mut Text) -> Result<bool, Fault> {
    let line = input.peek_line()?;
    let is_row =
        serde_json::from_slice::<Map<String, Value>>(line).is_ok_and(|object| object.len() > 1);
    let ahead = input.peek_ahead()?;
    let Some(at) = array_within(ahead).filter(|_| !is_row) else {
        return Ok(false);
    };
    for _ in 0..at {
        input.take()?;
    }
    Ok(true)
}

/// The place of the bracket in a text like `{"users": [{`.
fn array_within(text: &[u8]) -> Option<usize> {
    fn after(text: &[u8], byte: u8) -> Option<&[u8]> {
        text.trim_ascii_start().strip_prefix(&[byte])
    }
    let name = after(after(text, b'{')?, b'"')?;
    let end = name.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let array = after(after(&name[end..], b'"')?, b':')?.trim_ascii_start();
    let within = after(array, b'[')?.trim_ascii_start();
    within.first().filter(|byte| b"{]".contains(byte))?;
    Some(text.len() - array.len())
}

/// The text of the array's next element, with the line where it begins.
pub fn element(input: &mut Text, place: &mut Place) -> Result<Option<Found<String>>, Fault> {
    loop {
        let next = input.peek_content()?;
        let at = input.line;
        match (*place, next) {
            (Place::Behind, None) => return Ok(None),
            (Place::Behind, Some(_)) => {
                while input.take()?.is_some() {}
                return Ok(Some((
                    at,
                    Err("the array ends before this: nothing from here on was read".into()),
                )));
            }
            (Place::Before, Some(b'[')) => {
                input.take()?;
                *place = Place::Within;
            }
            (Place::BeforeWrapped, Some(b'[')) => {
                input.take()?;
                *place = Place::WithinWrapped;
            }
            (Place::Within, Some(b']')) => {
                input.take()?;
                *place = Place::Behind;
            }
            (Place::WithinWrapped, Some(b']')) => {
                input.take()?;
                *place = Place::Behind;
                match input.peek_content()? {
                    Some(b'}') => drop(input.take()?),
                    Some(b',') => {
                        let at = input.line;
                        while input.take()?.is_some() {}
                        return Ok(Some((
                            at,
                            Err(format!(
                                "the object has another member behind the array: nothing from \
                                 here on was read; {ACCEPTED}"
                            )
                            .into()),
                        )));
                    }
                    _ => {}
                }
            }
            (Place::Within | Place::WithinWrapped, Some(b',')) => drop(input.take()?),
            (Place::Within | Place::WithinWrapped, Some(_)) => {
                return Ok(Some((at, one(input)?)));
            }
            (_, _) => {
                *place = Place::Behind;
                return Ok(Some((
                    at,
                    Err("the file ends before its array is closed: it may be cut off".into()),
                )));
            }
        }
    }
}

/// One element, up to the comma or bracket after it.
fn one(input: &mut Text) -> Result<Result<String, Refusal>, Fault> {
    let (mut element, mut is_too_long) = (Vec::new(), false);
    let (mut depth, mut in_string, mut escaped) = (0_u64, false, false);
    while let Some(byte) = input.peek()? {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b',' | b']' if depth == 0 => break,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        input.take()?;
        is_too_long |= element.len() == ROW_MAX_BYTES;
        if !is_too_long {
            element.push(byte);
        }
    }
    Ok(if is_too_long {
        Err(too_long())
    } else {
        text(element)
    })
}

const ACCEPTED: &str = "accepted are JSON Lines, one object on each line, or one array of objects, \
                        also as the only member of an object";

/// `None` for objects of Django's dumpdata that are not users. The parser's messages are not passed
/// on, because they quote the input.
pub fn values(
    text: &str,
    map: &[(Field, String)],
    ignored: &mut BTreeSet<String>,
) -> Result<Option<Values>, Refusal> {
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(text) else {
        return Err(format!("it is not a JSON object; {ACCEPTED}").into());
    };
    if let (Some(Value::String(model)), Some(Value::Object(_))) =
        (object.get("model"), object.get("fields"))
    {
        if !model.to_ascii_lowercase().ends_with("user") {
            ignore(ignored, model.clone());
            return Ok(None);
        }
        if let Some(Value::Object(fields)) = object.remove("fields") {
            object = fields;
        }
    }
    let keys: Vec<String> = object.keys().cloned().collect();
    // A row may omit a key that other rows have.
    let present: Vec<_> = map
        .iter()
        .filter(|(_, key)| object.contains_key(key))
        .cloned()
        .collect();
    let columns = fields::assign(&keys, &present).map_err(|fault| fault.to_string())?;
    let is_list = |value: &Value| {
        let items = value.as_array();
        items.is_some_and(|items| items.first().is_some_and(Value::is_object))
    };
    if columns.iter().all(Option::is_none) && object.values().any(is_list) {
        return Err(format!("it holds a list of objects and more; {ACCEPTED}").into());
    }
    let mut values = Values::default();
    for ((key, value), field) in object.into_iter().zip(columns) {
        // If the key in `map` is missing, no other key replaces it.
        let is_mapped = |field: &Field| map.iter().any(|(to, name)| to == field && *name != key);
        let Some(field) = field.filter(|field| !is_mapped(field)) else {
            ignore(ignored, key);
            continue;
        };
        values[field as usize] = match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            // A date that cannot be read does not refuse the row.
            Value::Array(_) | Value::Object(_)
                if matches!(field, Field::CreatedAt | Field::EmailVerified) =>
            {
                Some(date_of_mongo(&value).unwrap_or_else(|| value.to_string()))
            }
            Value::Array(_) | Value::Object(_) => {
                let field = field.as_str();
                return Err(
                    format!("its {field} must be text, a number, true, false or null").into(),
                );
            }
        };
    }
    Ok(Some(values))
}

/// `{"$date": "2024-03-01T12:00:00Z"}`, as mongoexport writes it.
fn date_of_mongo(value: &Value) -> Option<String> {
    let date = value.get("$date")?;
    let date = date.get("$numberLong").unwrap_or(date);
    date.as_str()
        .map(str::to_owned)
        .or_else(|| date.as_i64().map(|date| date.to_string()))
}
