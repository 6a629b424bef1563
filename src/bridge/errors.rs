//! The one place where errors change language.

use crate::error::{Error, Kind};
use crate::json::Json;

/// An error of the engine, as JavaScript throws it.
pub fn to_js(error: Error) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}

/// An error of JavaScript: the call threw, or the environment is going away.
pub fn from_js(operation: &'static str, error: &napi::Error) -> Error {
    let kind = if error.status == napi::Status::Closing { Kind::Stopping } else { Kind::Transient };
    Error::new(kind, operation, &error.reason)
}

/// JavaScript is gone: the process or the worker thread ends.
pub fn gone(operation: &'static str) -> Error {
    Error::new(Kind::Stopping, operation, "the JavaScript environment is shutting down")
}

/// Reads options that JavaScript passed as JSON.
pub fn settings<T: serde::de::DeserializeOwned>(json: &str) -> napi::Result<T> {
    serde_json::from_str(json).map_err(|error| napi::Error::from_reason(format!("Invalid options: {error}")))
}

/// Takes JSON text from JavaScript without parsing it further.
pub fn json(text: String) -> napi::Result<Json> {
    Json::parse(text).map_err(|error| napi::Error::from_reason(format!("Not JSON: {error}")))
}
