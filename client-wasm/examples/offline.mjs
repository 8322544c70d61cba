import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
client.onState(({ connection, unsaved }) => console.log(`${connection}, unsaved: ${unsaved}`));
const room = await client.open("patient:1"); // with what this device knows, where there is no connection

const edit = room.put({ resourceType: "Condition", id: "c1", code: { text: "Asthma" }, subject: { reference: "Patient/1" } });
console.log(edit.state, room.list("Condition").length); // shows all the same
edit.saved.then(() => console.log("saved"), (error) => console.log("refused", error.code));
