//! Texts, words and ids in Arrow's arrays.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, StringArray,
    StringViewArray,
};
use arrow_schema::DataType;

/// Whether each value of this type is one text.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, Dictionary, LargeBinary, LargeUtf8, Utf8, Utf8View};
    match data_type {
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        Dictionary(_, values) => !matches!(**values, Dictionary(..)) && is_text(values),
        _ => false,
    }
}

/// Whether each value of this type is a number, or true or false.
pub(crate) fn is_scalar(data_type: &DataType) -> bool {
    use DataType::{Boolean, Float32, Float64};
    data_type.is_integer() || matches!(data_type, Boolean | Float32 | Float64)
}

/// Whether each value of this type is a list of words.
pub(crate) fn is_words(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            is_text(field.data_type())
        }
        _ => false,
    }
}

/// An array of texts of any kind.
pub(crate) enum Texts {
    Utf8(StringArray),
    LargeUtf8(LargeStringArray),
    Utf8View(StringViewArray),
    Binary(BinaryArray),
    LargeBinary(LargeBinaryArray),
    BinaryView(BinaryViewArray),
    /// The values, and for each row the index of its value.
    Dictionary(Box<Texts>, Vec<Option<usize>>),
}

impl Texts {
    pub(crate) fn new(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string_opt::<i32>()?.clone()),
            DataType::LargeUtf8 => Self::LargeUtf8(array.as_string_opt::<i64>()?.clone()),
            DataType::Utf8View => Self::Utf8View(array.as_string_view_opt()?.clone()),
            DataType::Binary => Self::Binary(array.as_binary_opt::<i32>()?.clone()),
            DataType::LargeBinary => Self::LargeBinary(array.as_binary_opt::<i64>()?.clone()),
            DataType::BinaryView => Self::BinaryView(array.as_binary_view_opt()?.clone()),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary_opt()?;
                let values = Self::new(dictionary.values())?;
                let keys = dictionary.keys();
                // An empty dictionary has no key to normalise: then each row is null.
                let indices = if dictionary.values().is_empty() {
                    vec![None; keys.len()]
                } else {
                    let normalized = dictionary.normalized_keys().into_iter().enumerate();
                    normalized.map(|(row, key)| keys.is_valid(row).then_some(key)).collect()
                };
                Self::Dictionary(Box::new(values), indices)
            }
            _ => return None,
        })
    }

    /// Numbers, true and false as the texts that spell them; `None` for other types.
    pub(crate) fn spelled(array: &ArrayRef) -> Option<Self> {
        let texts: StringArray = match array.data_type() {
            DataType::Boolean => {
                array.as_boolean_opt()?.iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            DataType::Float32 => {
                let values = array.as_primitive_opt::<Float32Type>()?;
                values.iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            DataType::Float64 => {
                let values = array.as_primitive_opt::<Float64Type>()?;
                values.iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            _ => whole_numbers(array)?.into_iter().map(|v| v.map(|v| v.to_string())).collect(),
        };
        Some(Self::Utf8(texts))
    }

    /// The bytes of a row; `None` where it is null.
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Utf8(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::LargeUtf8(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::Utf8View(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::Binary(array) => array.is_valid(row).then(|| array.value(row)),
            Self::LargeBinary(array) => array.is_valid(row).then(|| array.value(row)),
            Self::BinaryView(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Dictionary(values, indices) => values.get((*indices.get(row)?)?),
        }
    }
}

/// An array of lists of words.
pub(crate) struct WordLists {
    pub(crate) words: Texts,
    /// For each row the range of its words; `None` where the list is null.
    pub(crate) ranges: Vec<Option<[usize; 2]>>,
}

impl WordLists {
    pub(crate) fn new(array: &ArrayRef) -> Option<Self> {
        let rows = 0..array.len();
        let (values, ranges): (&ArrayRef, Vec<[usize; 2]>) = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list_opt::<i32>()?;
                let offsets = list.value_offsets();
                let ranges = offsets.windows(2).map(|pair| [pair[0] as usize, pair[1] as usize]);
                (list.values(), ranges.collect())
            }
            DataType::LargeList(_) => {
                let list = array.as_list_opt::<i64>()?;
                let offsets = list.value_offsets();
                let ranges = offsets.windows(2).map(|pair| [pair[0] as usize, pair[1] as usize]);
                (list.values(), ranges.collect())
            }
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list_opt()?;
                let width = list.value_length() as usize;
                let start = |row| list.value_offset(row) as usize;
                (list.values(), rows.clone().map(|row| [start(row), start(row) + width]).collect())
            }
            _ => return None,
        };
        let words = Texts::new(values)?;
        let ranges = rows.zip(ranges).map(|(row, range)| array.is_valid(row).then_some(range));
        Some(Self { words, ranges: ranges.collect() })
    }
}

/// Whole numbers of a column; `None` where null. `None` as a whole: no type of whole numbers.
pub(crate) fn whole_numbers(array: &ArrayRef) -> Option<Vec<Option<i128>>> {
    macro_rules! numbers {
        ($kind:ty) => {
            array.as_primitive_opt::<$kind>()?.iter().map(|n| n.map(i128::from)).collect()
        };
    }
    Some(match array.data_type() {
        DataType::Int8 => numbers!(Int8Type),
        DataType::Int16 => numbers!(Int16Type),
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt8 => numbers!(UInt8Type),
        DataType::UInt16 => numbers!(UInt16Type),
        DataType::UInt32 => numbers!(UInt32Type),
        DataType::UInt64 => numbers!(UInt64Type),
        _ => return None,
    })
}
