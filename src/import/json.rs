//! Objects of JSON: a line each, or in one array, as they are or as Django's dumpdata wraps them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::{self, Field, Values};
use super::source::{Found, ignore};
use super::text::{ROW_MAX_BYTES, Text, text, too_long};
use crate::base::fault::Fault;
use crate::base::names::Refusal;

/// Where in an array it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Before,
    Within,
    Behind,
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
            (Place::Within, Some(b']')) => {
                input.take()?;
                *place = Place::Behind;
            }
            (Place::Within, Some(b',')) => drop(input.take()?),
            (Place::Within, Some(_)) => return Ok(Some((at, one(input)?))),
            (Place::Before | Place::Within, _) => {
                *place = Place::Behind;
                return Ok(Some((
                    at,
                    Err("the file ends before the array does: it may be cut off".into()),
                )));
            }
        }
    }
}

/// To the comma or bracket behind it.
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

/// `None` for what Django's dumpdata has beside users. The words of the parser are not passed on:
/// they quote what they met.
pub fn values(
    text: &str,
    map: &[(Field, String)],
    ignored: &mut BTreeSet<String>,
) -> Result<Option<Values>, Refusal> {
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(text) else {
        return Err(
            "it is not a JSON object; accepted are JSON Lines, one object on each line, \
                    or one array of objects"
                .into(),
        );
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
    // A row may leave out a key that others have.
    let present: Vec<_> = map
        .iter()
        .filter(|(_, key)| object.contains_key(key))
        .cloned()
        .collect();
    let columns = fields::assign(&keys, &present).map_err(|fault| fault.to_string())?;
    let mut values = Values::default();
    for ((key, value), field) in object.into_iter().zip(columns) {
        // Where the key that it is mapped to is missing, no other takes its place.
        let is_mapped = |field: &Field| map.iter().any(|(to, name)| to == field && *name != key);
        let Some(field) = field.filter(|field| !is_mapped(field)) else {
            ignore(ignored, key);
            continue;
        };
        values[field as usize] = match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            // A date that cannot be read is no reason to refuse the row.
            Value::Array(_) | Value::Object(_) if field == Field::CreatedAt => {
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
