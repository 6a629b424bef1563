//! The one place where errors change language.
//!
//! To JavaScript an error goes as an `Error` with properties: `code`, `retryable`, and where they are known `runId`,
//! `nodeId`, `option`, `sqlState`. `lib/bridge/native.ts` makes of it one of the classes that users catch.

use napi::bindgen_prelude::{JsObjectValue, JsValue};
use napi::{Env, Status};

use crate::error::{Code, Error};
use crate::json::Json;
use crate::redact;

/// An error of the engine, as JavaScript throws it.
pub fn to_js(env: &Env, error: &Error) -> napi::Error {
    object(env, error).unwrap_or_else(|failure| failure)
}

fn object(env: &Env, error: &Error) -> napi::Result<napi::Error> {
    let mut object = env.create_error(napi::Error::from_reason(error.to_string()))?;
    object.set_named_property("code", error.code.as_str())?;
    object.set_named_property("retryable", error.is_transient())?;
    let sql_state = error.sql_state.as_ref().map(|state| state.as_str());
    for (name, value) in [
        ("runId", error.run.as_deref()),
        ("nodeId", error.node.as_deref()),
        ("option", error.option),
        ("sqlState", sql_state),
    ] {
        if let Some(value) = value {
            object.set_named_property(name, value)?;
        }
    }
    Ok(object.to_unknown().into())
}

/// An error of JavaScript: the call threw, which has this code, or the environment is going away.
pub fn from_js(operation: &'static str, code: Code, error: &napi::Error) -> Error {
    match error.status {
        Status::Closing => gone(operation),
        _ => Error::new(code, operation, redact::urls(&error.reason)),
    }
}

/// JavaScript is gone: the process or the worker thread ends.
pub fn gone(operation: &'static str) -> Error {
    Error::new(Code::Stopping, operation, "the JavaScript environment is shutting down")
}

/// Reads options that JavaScript passed as JSON.
pub fn settings<T: serde::de::DeserializeOwned>(env: &Env, json: &str) -> napi::Result<T> {
    serde_json::from_str(json).map_err(|_| {
        // The parser's own words may repeat a value, which may be a password.
        let error = Error::new(Code::InvalidOption, "Reading the options", "a value is of another type");
        to_js(env, &error)
    })
}

/// Takes JSON text from JavaScript without parsing it further.
pub fn json(env: &Env, text: String) -> napi::Result<Json> {
    Json::parse(text).map_err(|error| {
        to_js(env, &Error::new(Code::InvalidArgument, "Reading a value", format!("it is no JSON: {error}")))
    })
}
