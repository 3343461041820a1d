//! Made-up values of any type of the model, from a number: a deserializer that invents what it is asked for. So a type that grows is
//! covered without a word here. Moments are told by their fields' names, since their type asks for a text.

use serde::{
    de::{
        DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor,
        value::{Error, StrDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::model::{Timestamp, cluster::NewsItem};

/// Fields that hold a moment.
const MOMENTS: &[&str] = &["timestamp", "since", "at", "statsReset"];

pub(super) struct Arbitrary {
    state: u64,
    field: &'static str,
    depth: u32,
    full: bool,
}

impl Arbitrary {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed, field: "", depth: 0, full: false }
    }

    /// With all that can be there, once, and texts that name their field.
    pub(super) fn full(seed: u64) -> Self {
        Self { full: true, ..Self::new(seed) }
    }

    pub(super) fn any<T: DeserializeOwned>(&mut self) -> T {
        T::deserialize(self).unwrap_or_else(|error| panic!("{}: {error}", std::any::type_name::<T>()))
    }

    pub(super) fn news(&mut self) -> Vec<NewsItem> {
        (0..self.several(3)).map(|_| NewsItem { event: self.any(), alert: self.any(), steps: self.any() }).collect()
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn several(&mut self, most: u64) -> usize {
        if self.full { 1 } else { self.below(most) as usize }
    }

    fn text(&mut self) -> String {
        let is_moment = MOMENTS.contains(&self.field) || ["At", "_at", "Until"].iter().any(|end| self.field.ends_with(end));
        if is_moment {
            let ms = i64::try_from(self.below(4_102_444_800_000)).expect("before 2100");
            return Timestamp(chrono::DateTime::from_timestamp_millis(ms).expect("a moment")).to_string();
        }
        if self.full {
            let number = self.below(100);
            return format!("{}-{number}", self.field);
        }
        let letters = ['a', 'Z', '0', '-', '/', ' ', '"', '\\', '\n', '\0', 'é', '→', '🐘'];
        (0..self.below(12)).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }
}

macro_rules! integers {
    ($($way:ident $visit:ident $kind:ty;)*) => { $(
        #[allow(clippy::cast_possible_wrap)] // any bits will do
        fn $way<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit((self.next() >> self.below(64)) as $kind)
        }
    )* };
}

impl<'de> Deserializer<'de> for &mut Arbitrary {
    type Error = Error;

    integers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u64 visit_u64 u64;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let most = if self.field == "nanos" { 1_000_000_000 } else { 1 << 32 };
        visitor.visit_u32(self.below(most) as u32)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.below(2) == 1)
    }

    /// With three decimals, which JSON gives back exactly.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.below(1 << 40) as f64 / 1e3)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !self.full && self.below(3) == 0 { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.several(if self.depth > 3 { 2 } else { 4 });
        visitor.visit_seq(Several { of: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { of: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.depth += 1;
        let made = visitor.visit_map(Fields { of: self, fields });
        self.depth -= 1;
        made
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = variants[self.below(variants.len() as u64) as usize];
        visitor.visit_enum(Variant { of: self, variant })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("nothing to tell what it is"))
    }

    forward_to_deserialize_any! {
        i8 i16 u128 i128 f32 char bytes byte_buf unit unit_struct tuple_struct map identifier ignored_any
    }
}

struct Several<'a> {
    of: &'a mut Arbitrary,
    left: usize,
}

impl<'de> SeqAccess<'de> for Several<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.of).map(Some)
    }
}

struct Fields<'a> {
    of: &'a mut Arbitrary,
    fields: &'static [&'static str],
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        while self.fields.first().is_some_and(|field| AT_HOME.contains(field)) {
            self.fields = &self.fields[1..];
        }
        let Some((field, rest)) = self.fields.split_first() else { return Ok(None) };
        (self.fields, self.of.field) = (rest, *field);
        let name: StrDeserializer<Error> = field.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let made = seed.deserialize(&mut *self.of);
        self.of.field = "";
        made
    }
}

/// What other regions see of a target: each node puts it into the sample itself, so it does not travel with it.
const AT_HOME: [&str; 3] = ["views", "verdict", "stddevMs"];

struct Variant<'a> {
    of: &'a mut Arbitrary,
    variant: &'static str,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = &'a mut Arbitrary;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let name: StrDeserializer<Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self.of))
    }
}

impl<'de> VariantAccess<'de> for &mut Arbitrary {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.field = "";
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, long: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(long, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { of: self, fields })
    }
}

#[test]
fn the_same_number_makes_the_same_value_and_others_make_others() {
    let made = |seed| super::told(&super::messages(&mut Arbitrary::new(seed))[1]);
    assert_eq!(made(5), made(5));
    assert_ne!(made(5), made(6));
}
