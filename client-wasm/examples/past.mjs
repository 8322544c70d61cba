import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");
await room.put({ resourceType: "AllergyIntolerance", id: "a1", code: { text: "Latex" }, patient: { reference: "Patient/1" } }).saved;
const seen = room.heads(); // or a Date
await room.remove("AllergyIntolerance", "a1").saved;

const past = await room.at(seen);
console.log((await past.list("AllergyIntolerance")).length, room.list("AllergyIntolerance").length);
console.log(await room.changedSince(seen));
console.log((await past.export()).type); // a FHIR Bundle
await client.close();
