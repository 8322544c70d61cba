//! A lenient reader of CBOR maps, and strict about what reading may cost.
//!
//! A [`Value`] is a slice of the frame that holds exactly one item. Lenient: `null` and `undefined`
//! are absence, tags are looked through, whole floats are integers, strings may come in pieces.
//! Strict: an item nests at most [`WIRE_DEPTH_MAX`] deep, a map that is read has at most
//! [`WIRE_FIELDS_MAX`] fields and none twice, nothing follows the frame's map.

use std::{borrow::Cow, ops::Range};

use chartroom_engine::limits::{WIRE_DEPTH_MAX, WIRE_FIELDS_MAX};
use minicbor::{Decoder, data::Type, decode::Error};

use super::FrameError;

/// Whole numbers up to here are exact as floats.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

const MALFORMED: FrameError = FrameError::Cbor("it ends early or is malformed");
const TOO_DEEP: FrameError = FrameError::Cbor("it nests too deep");

/// Exactly one well-formed item.
#[derive(Clone, Copy)]
pub(super) struct Value<'b>(&'b [u8]);

/// The fields of one map, but for the absent ones.
pub(super) struct Fields<'b>(Vec<(Cow<'b, str>, Value<'b>)>);

impl<'b> Fields<'b> {
    /// Reads a whole frame.
    pub(super) fn of_frame(bytes: &'b [u8]) -> Result<Self, FrameError> {
        let mut decoder = Decoder::new(bytes);
        let item = next(&mut decoder)?;
        if decoder.position() != bytes.len() {
            return Err(FrameError::Cbor("something follows the map"));
        }
        item.fields_or(FrameError::Cbor("it is another item"))
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.find(field).is_some()
    }

    pub(super) fn required(&self, field: &'static str) -> Result<Value<'b>, FrameError> {
        self.find(field).ok_or(FrameError::Missing(field))
    }

    pub(super) fn optional<T>(
        &self,
        field: &str,
        read: impl FnOnce(Value<'b>) -> Result<T, FrameError>,
    ) -> Result<Option<T>, FrameError> {
        self.find(field).map(read).transpose()
    }

    pub(super) fn text(&self, field: &'static str, max: usize) -> Result<String, FrameError> {
        self.required(field)?.text(field, max)
    }

    pub(super) fn bytes(&self, field: &'static str) -> Result<Vec<u8>, FrameError> {
        self.required(field)?.bytes(field)
    }

    pub(super) fn number(&self, field: &'static str) -> Result<u64, FrameError> {
        self.required(field)?.number(field)
    }

    /// Where in the frame a field's item stands, without the tags before it.
    pub(super) fn place(&self, field: &str, frame: &[u8]) -> Option<Range<usize>> {
        let item = self.find(field)?.0;
        let start = (item.as_ptr() as usize).checked_sub(frame.as_ptr() as usize)?;
        Some(start..start + item.len())
    }

    fn find(&self, field: &str) -> Option<Value<'b>> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, value)| *value)
    }
}

impl<'b> Value<'b> {
    pub(super) fn fields(self, field: &'static str) -> Result<Fields<'b>, FrameError> {
        self.fields_or(FrameError::Shape(field))
    }

    pub(super) fn text(self, field: &'static str, max: usize) -> Result<String, FrameError> {
        let text = text(&mut self.decoder()).map_err(|_| FrameError::Shape(field))?;
        if text.len() > max {
            return Err(FrameError::TooLong(field));
        }
        Ok(text.into_owned())
    }

    pub(super) fn bytes(self, field: &'static str) -> Result<Vec<u8>, FrameError> {
        let mut decoder = self.decoder();
        let mut bytes = Vec::new();
        for piece in decoder.bytes_iter().map_err(|_| FrameError::Shape(field))? {
            bytes.extend_from_slice(piece.map_err(|_| FrameError::Shape(field))?);
        }
        Ok(bytes)
    }

    pub(super) fn flag(self, field: &'static str) -> Result<bool, FrameError> {
        self.decoder().bool().map_err(|_| FrameError::Shape(field))
    }

    /// A whole number that is not negative; JavaScript writes large ones as floats.
    pub(super) fn number(self, field: &'static str) -> Result<u64, FrameError> {
        let mut decoder = self.decoder();
        let shape = |_: Error| FrameError::Shape(field);
        if !matches!(decoder.datatype(), Ok(Type::F32 | Type::F64)) {
            return decoder.u64().map_err(shape);
        }
        let float = decoder.f64().map_err(shape)?;
        if !(0.0..=FLOAT_EXACT_MAX).contains(&float) || float.fract() != 0.0 {
            return Err(FrameError::Shape(field));
        }
        Ok(float as u64)
    }

    /// Reads the items of an array; `max` of them at most.
    pub(super) fn each(
        self,
        field: &'static str,
        max: usize,
        mut read: impl FnMut(Value<'b>) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let mut decoder = self.decoder();
        let count = decoder.array().map_err(|_| FrameError::Shape(field))?;
        let mut left = max;
        items(&mut decoder, count, |decoder| {
            left = left.checked_sub(1).ok_or(FrameError::TooLong(field))?;
            read(next(decoder)?)
        })
    }

    /// Reads the entries of a map with arbitrary text keys; `max` of them at most.
    pub(super) fn each_entry(
        self,
        field: &'static str,
        max: usize,
        mut read: impl FnMut(String, Value<'b>) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let mut decoder = self.decoder();
        let count = decoder.map().map_err(|_| FrameError::Shape(field))?;
        let mut left = max;
        items(&mut decoder, count, |decoder| {
            left = left.checked_sub(1).ok_or(FrameError::TooLong(field))?;
            let key = next(decoder)?.text(field, super::ID_BYTES_MAX)?;
            read(key, next(decoder)?)
        })
    }

    fn fields_or(self, not_a_map: FrameError) -> Result<Fields<'b>, FrameError> {
        let mut decoder = self.decoder();
        let count = decoder.map().map_err(|_| not_a_map)?;
        let mut fields: Vec<(Cow<'b, str>, Value<'b>)> = Vec::new();
        let mut left = WIRE_FIELDS_MAX;
        items(&mut decoder, count, |decoder| {
            left = left.checked_sub(1).ok_or(FrameError::Cbor("a map has too many fields"))?;
            let key = text(&mut next(decoder)?.decoder());
            let value = next(decoder)?;
            // A key that is no text is nobody's field.
            let Ok(key) = key else { return Ok(()) };
            if fields.iter().any(|(name, _)| *name == key) {
                return Err(FrameError::Cbor("a field stands twice"));
            }
            if !matches!(value.decoder().datatype(), Ok(Type::Null | Type::Undefined)) {
                fields.push((key, value));
            }
            Ok(())
        })?;
        Ok(Fields(fields))
    }

    fn decoder(self) -> Decoder<'b> {
        Decoder::new(self.0)
    }
}

/// Takes the next item, without the tags before it.
fn next<'b>(decoder: &mut Decoder<'b>) -> Result<Value<'b>, FrameError> {
    let mut tags = 0;
    while matches!(decoder.datatype(), Ok(Type::Tag)) {
        tags += 1;
        if tags > WIRE_DEPTH_MAX {
            return Err(TOO_DEEP);
        }
        decoder.tag().map_err(|_| MALFORMED)?;
    }
    let start = decoder.position();
    skip(decoder, WIRE_DEPTH_MAX - tags)?;
    decoder.input().get(start..decoder.position()).map(Value).ok_or(MALFORMED)
}

/// Steps over one item, recursing at most `depth` deep.
fn skip(decoder: &mut Decoder<'_>, depth: usize) -> Result<(), FrameError> {
    let depth = depth.checked_sub(1).ok_or(TOO_DEEP)?;
    let malformed = |_: Error| MALFORMED;
    match decoder.datatype().map_err(malformed)? {
        Type::Array | Type::ArrayIndef => {
            let count = decoder.array().map_err(malformed)?;
            items(decoder, count, |decoder| skip(decoder, depth))
        }
        Type::Map | Type::MapIndef => {
            let count = decoder.map().map_err(malformed)?;
            items(decoder, count, |decoder| {
                skip(decoder, depth)?;
                skip(decoder, depth)
            })
        }
        Type::Tag => {
            decoder.tag().map_err(malformed)?;
            skip(decoder, depth)
        }
        Type::Bytes | Type::BytesIndef => decoder
            .bytes_iter()
            .map_err(malformed)?
            .try_for_each(|p| p.map(drop))
            .map_err(malformed),
        Type::String | Type::StringIndef => {
            decoder.str_iter().map_err(malformed)?.try_for_each(|p| p.map(drop)).map_err(malformed)
        }
        Type::Break | Type::Unknown(_) => Err(MALFORMED),
        Type::Bool
        | Type::Null
        | Type::Undefined
        | Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int
        | Type::F16
        | Type::F32
        | Type::F64
        | Type::Simple => skip_scalar(decoder),
    }
}

/// Steps over a number or simple value by the length in its first byte.
fn skip_scalar(decoder: &mut Decoder<'_>) -> Result<(), FrameError> {
    let at = decoder.position();
    let first = decoder.input().get(at).ok_or(MALFORMED)?;
    let length = match first & 0b1_1111 {
        0..=23 => 1,
        24 => 2,
        25 => 3,
        26 => 5,
        27 => 9,
        _ => return Err(MALFORMED),
    };
    let end = at.checked_add(length).filter(|end| *end <= decoder.input().len());
    decoder.set_position(end.ok_or(MALFORMED)?);
    Ok(())
}

/// Runs `read` for each item: `count` times, or up to the break.
fn items<'b>(
    decoder: &mut Decoder<'b>,
    count: Option<u64>,
    mut read: impl FnMut(&mut Decoder<'b>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    match count {
        Some(count) => (0..count).try_for_each(|_| read(decoder)),
        None => {
            while !matches!(decoder.datatype(), Ok(Type::Break)) {
                read(decoder)?;
            }
            let past_break = decoder.position() + 1;
            decoder.set_position(past_break);
            Ok(())
        }
    }
}

/// Text, borrowed where it comes in one piece.
fn text<'b>(decoder: &mut Decoder<'b>) -> Result<Cow<'b, str>, Error> {
    if decoder.datatype()? == Type::String {
        return decoder.str().map(Cow::Borrowed);
    }
    decoder.str_iter()?.collect::<Result<String, Error>>().map(Cow::Owned)
}
