//! What statements are given, each with the type it is sent as. A statement that is not prepared has to say the types of
//! its parameters; said everywhere, they are the same over every connection.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};

/// A value, and the type it is sent as.
pub(super) trait Typed: Sync {
    fn kind(&self) -> Type;
    fn value(&self) -> &(dyn ToSql + Sync);
}

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn Typed + Sync);

macro_rules! typed {
    ($($rust:ty => $kind:ident;)*) => {
        $(impl Typed for $rust {
            fn kind(&self) -> Type {
                Type::$kind
            }

            fn value(&self) -> &(dyn ToSql + Sync) {
                self
            }
        })*
    };
}

typed! {
    &str => TEXT;
    Option<&str> => TEXT;
    String => TEXT;
    i64 => INT8;
    f64 => FLOAT8;
    bool => BOOL;
    Vec<&str> => TEXT_ARRAY;
    Vec<String> => TEXT_ARRAY;
    Vec<Cow<'_, str>> => TEXT_ARRAY;
    Cow<'_, str> => TEXT;
    &[String] => TEXT_ARRAY;
    Vec<Option<&str>> => TEXT_ARRAY;
    Vec<i64> => INT8_ARRAY;
    Vec<Option<i64>> => INT8_ARRAY;
    Vec<bool> => BOOL_ARRAY;
}

impl<T: Typed> Typed for &T {
    fn kind(&self) -> Type {
        T::kind(self)
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        T::value(self)
    }
}

/// The types alone.
pub(super) fn kinds(parameters: &[Parameter<'_>]) -> Vec<Type> {
    parameters.iter().map(|parameter| parameter.kind()).collect()
}

/// The values alone.
pub(super) fn values<'a>(parameters: &'a [Parameter<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    parameters.iter().map(|parameter| parameter.value()).collect()
}

/// Both.
pub(super) fn typed<'a>(parameters: &'a [Parameter<'a>]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().map(|parameter| (parameter.value(), parameter.kind())).collect()
}
