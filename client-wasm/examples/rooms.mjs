import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const rooms = await Promise.all(["patient:1", "patient:2", "patient:3"].map((name) => client.open(name))); // over one socket
for (const room of rooms) room.on("change", () => console.log(room.name, room.list("Condition").length));

await rooms[1].put({ resourceType: "Condition", id: "c1", code: { text: "Asthma" }, subject: { reference: "Patient/2" } }).saved;
for (const room of rooms) room.close(); // the server sends nothing of them any more
await client.close();
