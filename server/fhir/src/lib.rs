//! FHIR R4's rules as the server's REST face needs them, pure: JSON in, JSON out, no rooms, no IO.
//!
//! [`outcome`] is how everything here says what is wrong; [`validate`] judges a resource, and
//! [`search`] a query and what matches it. Paths in outcomes are FHIRPath as far as element names and
//! indexes go (`Patient.name[0].given`).

pub mod json;
pub mod outcome;
pub mod search;
pub mod validate;
