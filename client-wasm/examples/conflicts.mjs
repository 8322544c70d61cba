import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");

room.on("conflicts", ([conflict]) => {
  if (!conflict) return console.log("settled");
  const { title, safety, sides } = room.describe(conflict); // for a dialog: what, and who wrote which side
  for (const { text, author } of sides) console.log(`${title}: ${text} (${author?.name})`, safety ? "first of all" : "");
  room.resolve(conflict, sides.find(({ text }) => text === "high").choice); // what the person chose
});
room.patch("AllergyIntolerance", "a1", { criticality: "high" });
