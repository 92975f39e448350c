//! Makes a value of any type that can be deserialized; the fuzzer's bytes are the choices.

use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor,
};

use super::input::Input;

/// Texts to choose from. Each is also a valid filter, since some of them are used as filters.
const TEXTS: &[&str] = &[
    "",
    "any",
    "port 443",
    "net 10.0.0.0/8 and not host 10.1.2.3",
    "(proto udp or proto icmp) and not net 2001:db8::/32",
    "exporter 192.0.2.1 and if 7",
];

/// Maximum number of elements in a list.
const ELEMENTS: usize = 4;

/// Makes a value from choices.
pub fn choose<'de, T: Deserialize<'de>>(input: &mut Input) -> T {
    T::deserialize(Choices(input)).expect("everything that is asked for can be made")
}

struct Choices<'a, 'b>(&'a mut Input<'b>);

impl Choices<'_, '_> {
    /// Makes a number. Small and large numbers are equally likely.
    fn number(&mut self) -> u64 {
        match self.0.below(4) {
            0 => u64::from(self.0.byte()),
            1 => u64::from(self.0.half()),
            2 => u64::from(self.0.word()),
            _ => u64::from(self.0.word()) | u64::from(self.0.word()) << 32,
        }
    }
}

macro_rules! numbers {
    ($($name:ident $visit:ident $kind:ty;)*) => {
        $(fn $name<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number() as $kind)
        })*
    };
}

impl<'de> Deserializer<'de> for Choices<'_, '_> {
    type Error = Error;

    numbers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i64 visit_i64 i64;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_u128<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let low = self.number();
        visitor.visit_u128(u128::from(self.number()) << 64 | u128::from(low))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.0.one_in(2))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0.one_of(TEXTS))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.one_in(2) { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.0.below(ELEMENTS + 1);
        visitor.visit_seq(Several { input: self.0, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { input: self.0, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = self.0.below(variants.len()) as u32;
        visitor.visit_enum(One { input: self.0, variant })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        panic!("a type that the protocol did not have before: give it its choices here")
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 f32 char bytes byte_buf unit unit_struct tuple_struct map identifier
        ignored_any
    }
}

struct Several<'a, 'b> {
    input: &'a mut Input<'b>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Several<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Choices(self.input)).map(Some)
    }
}

struct One<'a, 'b> {
    input: &'a mut Input<'b>,
    variant: u32,
}

impl<'de> EnumAccess<'de> for One<'_, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let variant: serde::de::value::U32Deserializer<Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> VariantAccess<'de> for One<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Choices(self.input))
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { input: self.input, left })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.tuple_variant(fields.len(), visitor)
    }
}
