//! Whether a resource is what FHIR R4 says its type is.
