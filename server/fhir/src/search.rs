//! FHIR R4 search: what can be asked, and whether a resource answers it.
