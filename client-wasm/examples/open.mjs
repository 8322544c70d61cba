import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");
room.on("touched", (keys) => console.log("shows otherwise:", keys.join(", ")));

const edit = room.put({ resourceType: "AllergyIntolerance", id: "a1", code: { text: "Penicillin" }, patient: { reference: "Patient/1" } });
console.log(room.get("AllergyIntolerance", "a1").code.text); // shows at once
await edit.saved; // on the server's disk, flushed
console.log(edit.state);
await client.close();
