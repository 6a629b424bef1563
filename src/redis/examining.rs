//! Questions about a Redis that a person asks, not the engine.

use redis::Value;

use super::connection::Connections;
use crate::error::{Code, Error, Result};

/// What the server answers to a command.
pub(super) async fn ask(connections: &Connections, words: &[String]) -> Result<serde_json::Value> {
    let Some((name, arguments)) = words.split_first() else {
        return Err(Error::new(Code::InvalidArgument, "Asking Redis", "a command has a name"));
    };
    let mut command = redis::cmd(name);
    for argument in arguments {
        command.arg(argument);
    }
    connections.query::<Value>(&mut command).await.map(|value| as_json(&value))
}

/// As JSON has it. Pairs of any kind are an array of both, one after the other, as the older protocol has them.
fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Int(number) => (*number).into(),
        Value::Double(number) => (*number).into(),
        Value::Boolean(is) => (*is).into(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.as_str().into(),
        Value::Okay => "OK".into(),
        Value::Array(values) | Value::Set(values) => values.iter().map(as_json).collect(),
        Value::Map(pairs) => pairs.iter().flat_map(|(key, value)| [as_json(key), as_json(value)]).collect(),
        _ => serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_say_the_same() {
        let text = |text: &str| Value::BulkString(text.into());
        let flat = Value::Array(vec![text("maxmemory"), text("0")]);
        let pairs = Value::Map(vec![(text("maxmemory"), text("0"))]);
        assert_eq!(as_json(&flat), as_json(&pairs));
        assert_eq!(as_json(&pairs), serde_json::json!(["maxmemory", "0"]));
    }
}
