#![no_main]

chartroom_fuzz::target!(fhir);
