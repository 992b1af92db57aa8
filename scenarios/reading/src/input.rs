//! A value that types are read from: an error says at which keys it came up.
//!
//! A concrete deserializer, as what is derived for each option of each system is compiled once for
//! every deserializer that it meets, and again for each wrapper around one.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Unexpected, Visitor};
use toml::Value;

/// A TOML value to read a type from: `T::deserialize(input)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Input(Value);

impl From<Value> for Input {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

/// Why a value can't be read as the type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// From the outermost to where it came up; places in a list are numbers.
    keys: Vec<String>,
    message: String,
}

impl InputError {
    /// The keys from the outermost to where the error came up; a place in a list counts from 0.
    pub fn keys(&self) -> Vec<String> {
        self.keys.iter().rev().cloned().collect()
    }

    /// What is wrong there, in serde's words.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn under(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys();
        let separator = if keys.is_empty() { "" } else { ": " };
        write!(f, "{}{separator}{}", keys.join("."), self.message)
    }
}

impl std::error::Error for InputError {}

impl de::Error for InputError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { keys: Vec::new(), message: message.to_string() }
    }
}

impl<'de> de::Deserializer<'de> for Input {
    type Error = InputError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.0 {
            Value::Boolean(value) => visitor.visit_bool(value),
            Value::Integer(value) => visitor.visit_i64(value),
            Value::Float(value) => visitor.visit_f64(value),
            Value::String(value) => visitor.visit_string(value),
            Value::Datetime(_) => Err(de::Error::invalid_type(Unexpected::Other("date"), &visitor)),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter().enumerate())),
            Value::Table(table) => {
                visitor.visit_map(Entries { entries: table.into_iter(), entered: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(variant.into_deserializer()),
            Value::Table(table) if table.len() == 1 => {
                visitor.visit_enum(Entries { entries: table.into_iter(), entered: None })
            }
            other => Self(other).deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items(std::iter::Enumerate<std::vec::IntoIter<Value>>);

impl<'de> de::SeqAccess<'de> for Items {
    type Error = InputError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, InputError> {
        let Some((at, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(Input(item)).map(Some).map_err(|error| error.under(at.to_string()))
    }
}

/// The entries of a table, or a variant with what it holds.
struct Entries {
    entries: toml::map::IntoIter<String, Value>,
    /// The key that was read, with its value.
    entered: Option<(String, Value)>,
}

impl Entries {
    fn read<T>(
        &mut self,
        read: impl FnOnce(Input) -> Result<T, InputError>,
    ) -> Result<T, InputError> {
        let (key, value) = self.entered.take().expect("a key is read before its value");
        read(Input(value)).map_err(|error| error.under(key))
    }
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = InputError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, InputError> {
        self.entered = self.entries.next();
        let Some((key, _)) = &self.entered else { return Ok(None) };
        let name: StringDeserializer<InputError> = key.clone().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|error| error.under(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, InputError> {
        self.read(|input| seed.deserialize(input))
    }
}

impl<'de> de::EnumAccess<'de> for Entries {
    type Error = InputError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Self), InputError> {
        let variant = de::MapAccess::next_key_seed(&mut self, seed)?;
        Ok((variant.expect("a table of one entry"), self))
    }
}

impl<'de> de::VariantAccess<'de> for Entries {
    type Error = InputError;

    fn unit_variant(mut self) -> Result<(), InputError> {
        self.read(|input| std::marker::PhantomData.deserialize(input))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, InputError> {
        self.read(|input| seed.deserialize(input))
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        self.read(|input| de::Deserializer::deserialize_any(input, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        self.read(|input| de::Deserializer::deserialize_any(input, visitor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        #[serde(rename = "linger.ms")]
        linger: Option<u32>,
        share: f64,
        shapes: Vec<Shape>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Shape {
        Flat,
        Wave { every: u8 },
        Steps(Vec<u8>),
    }

    fn read(text: &str) -> Result<Named, InputError> {
        Named::deserialize(Input(Value::Table(text.parse().unwrap())))
    }

    #[test]
    fn what_a_file_holds_is_read() {
        let text = "\"linger.ms\" = 5\nshare = 1\n\
                    shapes = [\"flat\", { wave = { every = 3 } }, { steps = [1, 2] }]";
        let shapes = vec![Shape::Flat, Shape::Wave { every: 3 }, Shape::Steps(vec![1, 2])];
        assert_eq!(read(text), Ok(Named { linger: Some(5), share: 1.0, shapes }));
    }

    #[test]
    fn an_error_names_the_keys_that_lead_to_it() {
        let rest = "\nshare = 1\nshapes = []";
        let of = |text: &str| read(text).unwrap_err();
        let negative = of(&format!("\"linger.ms\" = -1{rest}"));
        assert_eq!(negative.keys(), ["linger.ms"]);
        assert_eq!(negative.message(), "invalid value: integer `-1`, expected u32");
        let unknown = of(&format!("lingerms = 1{rest}"));
        assert_eq!(unknown.keys(), ["lingerms"]);
        assert!(unknown.message().starts_with("unknown field `lingerms`"), "{unknown}");
        let deep = of("share = 1\nshapes = [\"flat\", { wave = { every = 300 } }]");
        assert_eq!(deep.keys(), ["shapes", "1", "wave", "every"]);
        assert_eq!(of("share = 1\nshapes = [\"round\"]").keys(), ["shapes", "0"]);
        let two = of("share = 1\nshapes = [{ flat = 1, wave = 2 }]");
        assert!(two.message().starts_with("invalid type: map"), "{two}");
        let date = of("share = 2026-01-01\nshapes = []");
        assert_eq!(date.to_string(), "share: invalid type: date, expected f64");
        assert_eq!(of("share = 1").message(), "missing field `shapes`");
    }
}
