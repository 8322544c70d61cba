import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");
room.on("undo", () => console.log(`Undo: ${room.undo.undoText}, Redo: ${room.undo.redoText}`));

room.put({ resourceType: "Condition", id: "c1", code: { text: "Asthma" }, subject: { reference: "Patient/1" } });
room.undo.undo(); // this window's last edit, and nothing that others wrote
await room.undo.redo().saved;
await client.close();
