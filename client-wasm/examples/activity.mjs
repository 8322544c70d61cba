import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");
await room.put({ resourceType: "AllergyIntolerance", id: "a1", code: { text: "Latex" }, patient: { reference: "Patient/1" } }).saved;
await room.patch("AllergyIntolerance", "a1", { criticality: "high" }).saved;

for (const { text } of await room.activity()) console.log(text); // in words, the latest first
for (const { action, changed, author } of await room.history("AllergyIntolerance", "a1")) console.log(action, changed.join(), author?.name);
await client.close();
