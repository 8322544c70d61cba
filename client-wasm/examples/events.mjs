import { connect } from "chartroom";

let last = 0; // the number of the last event that was dealt with: keep it in a database

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "pharmacy", name: "Pharmacy" } });
const room = await client.open("patient:1");
room.on("RESOURCE_CREATED", (event) => {
  console.log(`${event.seq} ${event.resource_type}/${event.resource_id} by ${event.author?.name}`);
  last = event.seq;
}, { after: last, onEnd: ({ code, first }) => console.log("begin anew:", code, first) }); // none is missed, none comes twice
