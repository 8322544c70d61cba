"""fhirpy, as published, on a server: python client.py BASE."""

import sys

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError, MultipleResourcesFound, OperationOutcome

BASE = sys.argv[1]
MRN = "urn:oid:2.999.1"
PERSON = {"X-Chartroom-Person": "alice;Alice"}


def refused(act, kind):
    try:
        act()
    except kind:
        return
    raise AssertionError("it was not refused")


client = SyncFHIRClient(BASE, extra_headers=PERSON)
patching = SyncFHIRClient(BASE, extra_headers={**PERSON, "Content-Type": "application/merge-patch+json"})

assert client.execute("metadata", method="get")["fhirVersion"] == "4.0.1"

patient = client.resource("Patient", name=[{"family": "Pythia"}], birthDate="1970-05-01", identifier=[{"system": MRN, "value": "py"}])
patient.save()
assert patient.id and patient["meta"]["versionId"] == "1"
patient["gender"] = "female"
patient.save()
assert patient["meta"]["versionId"] == "2"
stale = client.resource("Patient", **{**patient.serialize(), "meta": {"versionId": "1"}, "active": False})
# What fhirpy makes of any 412.
refused(stale.save, MultipleResourcesFound)
refused(client.resource("Observation", status="final").save, OperationOutcome)
patient.refresh()
assert patient["gender"] == "female"
patched = patching.reference("Patient", patient.id).patch(telecom=[{"system": "phone", "value": "555-0199"}])
assert patched["telecom"][0]["value"] == "555-0199"

for n in range(23):
    client.resource(
        "Observation",
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        subject=patient.to_reference(),
        effectiveDateTime=f"2024-03-{n + 1:02}",
        valueQuantity={"value": 60 + n},
    ).save()

rates = client.resources("Observation").search(patient=patient.id, code="http://loinc.org|8867-4")
assert rates.count() == 23
assert len({rate.id for rate in rates.limit(5).fetch_all()}) == 23
assert len(rates.search(date__ge="2024-03-10", date__lt="2024-03-13").fetch()) == 3
assert rates.sort("-date").first()["effectiveDateTime"] == "2024-03-23"
assert rates.first()["subject"].to_resource().id == patient.id
found = client.resources("Patient").search(name="pyth", birthdate__lt="1971").revinclude("Observation", "patient").fetch_raw()
assert len(found["entry"]) == 24
assert client.resources("Patient").search(identifier=f"{MRN}|py").get().id == patient.id

chart = patient.execute("$everything", method="get")
assert chart["total"] == 24
answer = client.execute("", data={
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"fullUrl": "urn:uuid:5f0c1d1e-0000-4000-8000-000000000001", "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {
            "resource": {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "urn:uuid:5f0c1d1e-0000-4000-8000-000000000001"}},
            "request": {"method": "POST", "url": "Flag"},
        },
    ],
})
assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]

patient.delete()
refused(patient.refresh, BaseFHIRError)
print("fhirpy did all of it")
