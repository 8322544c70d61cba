import { Suspense } from "react";
import { createRoot } from "react-dom/client";
import { ChartroomProvider, useCollection, useConnection, useRoom } from "chartroom/react";

function Allergies() {
  const room = useRoom("patient:1");
  const allergies = useCollection(room, "AllergyIntolerance"); // the same array until one of them changes
  const add = () => room.put({ resourceType: "AllergyIntolerance", id: crypto.randomUUID(), code: { text: "Latex" }, patient: { reference: "Patient/1" } });
  return <ul>{allergies.map(({ id, code }) => <li key={id}>{code?.text}</li>)}<button onClick={add}>{useConnection().connection}</button></ul>;
}

createRoot(document.getElementById("chart")!).render(
  <ChartroomProvider options={{ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } }}>
    <Suspense fallback="Opening…"><Allergies /></Suspense>
  </ChartroomProvider>,
);
