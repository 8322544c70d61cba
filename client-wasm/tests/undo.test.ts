import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ChartroomError, commandWording, connect, eventWording, resourceWording, type ChartEvent, type Client, type Command, type Resource, type Room } from "chartroom";
import WebSocket from "ws";
import { connectAs, startServer, until, withServer } from "./server.js";
import { Network } from "./device.js";

const ROOM = "patient:p1";
const A = "AllergyIntolerance";
const allergy = (id: string, text = "Penicillin") => ({ resourceType: A, id, code: { text }, patient: { reference: "Patient/p1" } });
const prescription = (id: string) => ({
  resourceType: "MedicationRequest",
  id,
  status: "active",
  intent: "order",
  medicationCodeableConcept: { text: "Metoprolol" },
  subject: { reference: "Patient/p1" },
});
const ids = (room: Room): string[] => room.list(A).map(({ id }) => id);
const code = (body: () => unknown): string | undefined => {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(ChartroomError);
    return (error as ChartroomError).code;
  }
  return undefined;
};

describe("one's own edits", () => {
  let client: Client;
  let room: Room;

  beforeEach(async () => {
    client = await connect({ url: "ws://127.0.0.1:9/sync", WebSocket, person: { id: "alice", name: "Alice" } });
    room = await client.open(ROOM);
  });

  afterEach(() => client.close());

  /** Until the engine has carried out all that was asked of it. */
  const settled = async () => {
    const edit = room.put(allergy("settled"));
    await until(() => edit.hash !== null);
    room.undo.undo();
  };

  /** Undoes, does again, and undoes again, each at once and as the engine has it. */
  async function thereAndBack(before: unknown, after: unknown, type = A, id = "a1"): Promise<void> {
    for (const isCarriedOut of [false, true]) {
      expect(room.get(type, id)).toEqual(after);
      const text = room.undo.undoText;
      const undone = room.undo.undo();
      expect(room.get(type, id)).toEqual(before);
      if (isCarriedOut) await until(() => undone.hash !== null);
      expect(room.get(type, id)).toEqual(before);
      expect(room.undo.redoText).toBe(text);
      const redone = room.undo.redo();
      expect(room.get(type, id)).toEqual(after);
      if (isCarriedOut) await until(() => redone.hash !== null);
      expect(room.get(type, id)).toEqual(after);
      expect(room.undo.undoText).toBe(text);
    }
    const undone = room.undo.undo();
    await until(() => undone.hash !== null);
    expect(room.get(type, id)).toEqual(before);
  }

  test("nothing is undone where nothing was done", () => {
    expect([room.undo.undoText, room.undo.redoText]).toEqual([null, null]);
    expect(code(() => room.undo.undo())).toBe("nothing-to-undo");
    expect(code(() => room.undo.redo())).toBe("nothing-to-redo");
  });

  test("a creation", async () => {
    room.put(allergy("a1"));
    expect(room.undo.undoText).toBe("add allergy Penicillin");
    await thereAndBack(undefined, allergy("a1"));
  });

  test("a put over what stands: only what differed goes back", async () => {
    room.put({ ...allergy("a1"), criticality: "low", onsetString: "childhood" });
    room.put({ ...allergy("a1"), criticality: "high", note: [{ text: "seen" }] });
    expect(room.undo.undoText).toBe("change allergy Penicillin");
    await thereAndBack({ ...allergy("a1"), criticality: "low", onsetString: "childhood" }, { ...allergy("a1"), criticality: "high", note: [{ text: "seen" }] });
  });

  test("a patch that sets, changes and removes", async () => {
    room.put({ ...allergy("a1"), criticality: "low", onsetString: "childhood" });
    room.patch(A, "a1", { criticality: "high", onsetString: null, note: [{ text: "seen" }] });
    await thereAndBack({ ...allergy("a1"), criticality: "low", onsetString: "childhood" }, { ...allergy("a1"), criticality: "high", note: [{ text: "seen" }] });
  });

  test("a delete", async () => {
    room.put(allergy("a1"));
    room.remove(A, "a1");
    expect(room.undo.undoText).toBe("delete allergy Penicillin");
    await thereAndBack(allergy("a1"), undefined);
  });

  test("a restore, of what this window saw deleted", async () => {
    room.put(allergy("a1"));
    const deleted = room.remove(A, "a1");
    await until(() => deleted.hash !== null);
    room.restore(A, "a1");
    expect(room.get(A, "a1")).toEqual(allergy("a1"));
    expect(room.undo.undoText).toBe("restore allergy Penicillin");
    await thereAndBack(undefined, allergy("a1"));
  });

  test("a batch, as one", async () => {
    room.put(allergy("a1"));
    room.put(allergy("a2"));
    room.batch((batch) => {
      batch.patch(A, "a1", { criticality: "high" });
      batch.remove(A, "a2");
      batch.put(allergy("a3"));
    });
    expect(room.undo.undoText).toBe("3 changes");
    const all = () => room.list(A);
    const after = [{ ...allergy("a1"), criticality: "high" }, allergy("a3")];
    const before = [allergy("a1"), allergy("a2")];
    expect(all()).toEqual(after);
    const undone = room.undo.undo();
    expect(all()).toEqual(before);
    await until(() => undone.hash !== null);
    expect(all()).toEqual(before);
    const redone = room.undo.redo();
    await until(() => redone.hash !== null);
    expect(all()).toEqual(after);
    expect(room.undo.undo().resource).toEqual({ type: A, id: "a1" });
  });

  test("several go back in their turn, and forth again", async () => {
    room.put(allergy("a1"));
    for (const criticality of ["low", "high", "unable-to-assess"]) room.patch(A, "a1", { criticality });
    await settled();
    const shown = () => room.get(A, "a1")?.criticality;
    const seen: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      room.undo.undo();
      seen.push(shown());
    }
    expect(seen).toEqual(["high", "low", undefined]);
    for (let n = 0; n < 3; n += 1) room.undo.redo();
    expect(shown()).toBe("unable-to-assess");
    expect(room.undo.redoText).toBe("add allergy Penicillin");
  });

  test("another edit forgets what could be done again", () => {
    room.put(allergy("a1"));
    room.patch(A, "a1", { criticality: "high" });
    room.undo.undo();
    expect(room.undo.redoText).toBe("change criticality of allergy Penicillin");
    room.put(allergy("a2", "Latex"));
    expect(room.undo.redoText).toBeNull();
    expect(code(() => room.undo.redo())).toBe("nothing-to-redo");
    expect(room.undo.undoText).toBe("add allergy Latex");
  });

  test("an edit that changes nothing is none to undo", () => {
    room.put(allergy("a1"));
    room.put(allergy("a1"));
    room.undo.undo();
    expect(ids(room)).toEqual([]);
    expect(room.undo.undoText).toBeNull();
  });

  test("a text of the app's own is told, also of what is done again", () => {
    room.put(prescription("m1"), { text: "prescribe Metoprolol 50 mg" });
    expect(room.undo.undoText).toBe("prescribe Metoprolol 50 mg");
    room.undo.undo();
    expect(room.undo.redoText).toBe("prescribe Metoprolol 50 mg");
  });

  test("an edit that is refused was none", async () => {
    room.put(allergy("a1"));
    const refused = room.put({ ...allergy("a2", "Latex"), patient: { reference: "Patient/other" } });
    expect(room.undo.undoText).toBe("add allergy Latex");
    let told = 0;
    room.on("undo", () => (told += 1));
    await expect(refused.saved).rejects.toMatchObject({ code: "wrong-patient" });
    expect([room.undo.undoText, told]).toEqual(["add allergy Penicillin", 1]);
    room.undo.undo();
    expect(ids(room)).toEqual([]);
  });

  test("two hundred can be undone, and no more", () => {
    for (let n = 0; n < 205; n += 1) room.put(allergy(`a${String(n).padStart(3, "0")}`));
    for (let n = 0; n < 200; n += 1) room.undo.undo();
    expect(ids(room)).toEqual(["a000", "a001", "a002", "a003", "a004"]);
    expect(code(() => room.undo.undo())).toBe("nothing-to-undo");
    for (let n = 0; n < 200; n += 1) room.undo.redo();
    expect(ids(room)).toHaveLength(205);
  });

  test("what can be undone is told when it changes", () => {
    const told: (string | null)[][] = [];
    room.on("undo", () => told.push([room.undo.undoText, room.undo.redoText]));
    room.put(allergy("a1"));
    room.undo.undo();
    room.undo.redo();
    const text = "add allergy Penicillin";
    expect(told).toEqual([[text, null], [null, text], [text, null]]);
  });

  test("a value that the engine writes in its own way is undone all the same", async () => {
    room.put({ ...allergy("a1"), onsetString: undefined });
    const edit = room.patch(A, "a1", { onsetString: undefined, note: [{ text: "seen", time: undefined }] });
    await until(() => edit.hash !== null);
    expect(room.get(A, "a1")).toEqual({ ...allergy("a1"), note: [{ text: "seen" }] });
    room.undo.undo();
    expect(room.get(A, "a1")).toEqual(allergy("a1"));
    room.undo.undo();
    expect(ids(room)).toEqual([]);
  });

  test("each room has its own, and a closed one none", async () => {
    const other = await client.open("patient:p2");
    room.put(allergy("a1"));
    expect(other.undo.undoText).toBeNull();
    // A second look at one room is the same window's.
    expect((await client.open(ROOM)).undo.undoText).toBe("add allergy Penicillin");
    room.close();
    expect(code(() => room.undo)).toBe("room-closed");
  });
});

withServer("undo beside somebody else", () => {
  async function both() {
    const server = await startServer();
    const [network, other] = [new Network(), new Network()];
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url, { WebSocket: network.WebSocket }), connectAs("Bob", server.url, { WebSocket: other.WebSocket })]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    const agree = () => until(() => hers.synced && his.synced && hers.unsaved + his.unsaved === 0 && String(hers.heads()) === String(his.heads()));
    /** Both write without knowing of each other; what `first` did reaches the server first. */
    const apart = async (first: () => unknown, second: () => unknown) => {
      network.cut();
      other.cut();
      await until(() => alice.status === "offline" && bob.status === "offline");
      first();
      second();
      network.mend();
      await until(() => hers.synced && hers.unsaved === 0);
      other.mend();
      await agree();
    };
    return { server, hers, his, agree, apart };
  }

  test("takes back its own elements and leaves the other's", async () => {
    const { hers, his, agree } = await both();
    await hers.put({ ...allergy("a1"), criticality: "low" }).saved;
    await hers.patch(A, "a1", { criticality: "high", note: [{ text: "hers" }] }).saved;
    await agree();
    await his.patch(A, "a1", { onsetString: "childhood", note: [{ text: "his" }] }).saved;
    await agree();
    await hers.undo.undo().saved;
    await agree();
    const expected = { ...allergy("a1"), criticality: "low", onsetString: "childhood", note: [{ text: "his" }] };
    expect([hers.get(A, "a1"), his.get(A, "a1")]).toEqual([expected, expected]);
    await hers.undo.redo().saved;
    expect(hers.get(A, "a1")).toEqual({ ...expected, criticality: "high" });
  });

  test("says that somebody has changed it since, does nothing, and goes on with the one before", async () => {
    const { hers, his, agree } = await both();
    await hers.put(allergy("a2", "Latex")).saved;
    await hers.put({ ...allergy("a1"), criticality: "low" }).saved;
    await hers.patch(A, "a1", { criticality: "high" }).saved;
    await agree();
    await his.patch(A, "a1", { criticality: "unable-to-assess" }).saved;
    await agree();
    const heads = hers.heads();
    expect(code(() => hers.undo.undo())).toBe("changed-since");
    expect(hers.unsaved).toBe(0);
    expect(hers.heads()).toEqual(heads);
    // The creation would take his element along.
    expect(hers.undo.undoText).toBe("add allergy Penicillin");
    expect(code(() => hers.undo.undo())).toBe("changed-since");
    expect(hers.get(A, "a1")).toEqual({ ...allergy("a1"), criticality: "unable-to-assess" });
    await hers.undo.undo().saved;
    expect(ids(hers)).toEqual(["a1"]);
  });

  test("an edit that the other deleted, or deleted and made anew, is not forced", async () => {
    const { hers, his, agree } = await both();
    await hers.put(allergy("a1")).saved;
    await hers.patch(A, "a1", { criticality: "high" }).saved;
    await agree();
    await his.remove(A, "a1").saved;
    await agree();
    expect(code(() => hers.undo.undo())).toBe("changed-since");
    expect(code(() => hers.undo.undo())).toBe("changed-since");
    expect(ids(hers)).toEqual([]);
    // Nor is her own delete taken back where he has put it there again.
    await hers.put(allergy("a2")).saved;
    await hers.remove(A, "a2").saved;
    await agree();
    await his.put({ ...allergy("a2"), criticality: "low" }).saved;
    await agree();
    expect(code(() => hers.undo.undo())).toBe("changed-since");
    expect(hers.get(A, "a2")).toEqual({ ...allergy("a2"), criticality: "low" });
  });

  test("a delete that is taken back brings what the other wrote meanwhile", async () => {
    const { hers, his, agree, apart } = await both();
    await hers.put(allergy("a1")).saved;
    await agree();
    await apart(() => hers.remove(A, "a1"), () => his.patch(A, "a1", { onsetString: "childhood" }));
    if (hers.get(A, "a1") === undefined) await hers.undo.undo().saved;
    else expect(code(() => hers.undo.undo())).toBe("changed-since");
    await agree();
    expect(hers.get(A, "a1")).toEqual({ ...allergy("a1"), onsetString: "childhood" });
    expect(his.get(A, "a1")).toEqual(hers.get(A, "a1"));
  });

  test("a batch goes back where it still stands", async () => {
    const { hers, his, agree } = await both();
    await Promise.all(["a1", "a2"].map((id) => hers.put(allergy(id)).saved));
    await hers.batch((batch) => ["a1", "a2"].forEach((id) => batch.patch(A, id, { criticality: "high" }))).saved;
    await agree();
    await his.patch(A, "a1", { criticality: "low" }).saved;
    await agree();
    await hers.undo.undo().saved;
    expect(hers.list(A)).toEqual([{ ...allergy("a1"), criticality: "low" }, allergy("a2")]);
  });

  test("what is in dispute is for a person to choose, not for undo", async () => {
    const { hers, his, agree, apart } = await both();
    await hers.put(allergy("a1")).saved;
    await agree();
    const patch = (room: Room, criticality: string) => () => room.patch(A, "a1", { criticality });
    await apart(patch(hers, "high"), patch(his, "low"));
    // Whichever of the two shows, both of them stand.
    expect(hers.conflicts()).toHaveLength(1);
    expect(code(() => hers.undo.undo())).toBe("changed-since");
    expect(code(() => his.undo.undo())).toBe("changed-since");
    expect(hers.conflicts()).toMatchObject([{ values: [{ author: expect.anything() }, { author: expect.anything() }] }]);
    expect(his.conflicts()).toEqual(hers.conflicts());
  });

  test("a creation that the other made as well is not taken back", async () => {
    const { hers, his, apart } = await both();
    await apart(() => hers.put(allergy("a1")), () => his.put(allergy("a1")));
    expect(ids(hers)).toEqual(["a1"]);
    expect(hers.conflicts()).toMatchObject([{ kind: "created", id: "a1" }]);
    expect(code(() => hers.undo.undo())).toBe("changed-since");
    expect(ids(hers)).toEqual(["a1"]);
  });

  test("what the other did is never one's own to undo", async () => {
    const { hers, his, agree } = await both();
    await his.put(allergy("a1")).saved;
    await agree();
    expect(hers.undo.undoText).toBeNull();
    expect(his.undo.undoText).toBe("add allergy Penicillin");
    expect(code(() => hers.undo.undo())).toBe("nothing-to-undo");
  });

  test("a restore of what was deleted before this window came can be undone", async () => {
    const { server, hers } = await both();
    await hers.put(allergy("a1")).saved;
    await hers.remove(A, "a1").saved;
    const late = await (await connectAs("Charlie", server.url)).open(ROOM);
    await late.restore(A, "a1").saved;
    await until(() => ids(late).length === 1);
    await late.undo.undo().saved;
    expect(ids(late)).toEqual([]);
    await late.undo.redo().saved;
    expect(late.list(A)).toEqual([allergy("a1")]);
  });
});

describe("words", () => {
  const fhir = (resource: object) => resource as Resource;

  test("of resources", () => {
    const check = (resource: object, words: string) => expect(resourceWording(fhir(resource))).toBe(words);
    check(allergy("a1"), "allergy Penicillin");
    check(prescription("m1"), "prescription Metoprolol");
    check({ resourceType: "Condition", id: "c", code: { coding: [{ display: "Asthma", code: "195967001" }] } }, "problem Asthma");
    check({ resourceType: "Observation", id: "o", code: { coding: [{ code: "2823-3" }] } }, "result 2823-3");
    check({ resourceType: "Patient", id: "p", name: [{ given: ["Ada", "Maria"], family: "Lund" }] }, "patient Ada Maria Lund");
    check({ resourceType: "Location", id: "l", name: "Ward 1" }, "location Ward 1");
    check({ resourceType: "Immunization", id: "i", vaccineCode: { text: "MMR" } }, "immunization MMR");
    check({ resourceType: "MedicationStatement", id: "s", medicationReference: { display: "Aspirin" } }, "medication Aspirin");
    check({ resourceType: "DocumentReference", id: "d", description: "Discharge letter" }, "note Discharge letter");
    check({ resourceType: "CarePlan", id: "x" }, "care plan");
    check({ resourceType: "Condition", id: "c", code: { text: 5, coding: "none" } }, "problem");
  });

  test("of edits", () => {
    const check = (command: Command, before: object | undefined, words: string) => expect(commandWording(command, before && fhir(before))).toBe(words);
    const patch = (resourceType: string, elements: Record<string, string | null>): Command => ({ kind: "patch", resourceType, id: "x", elements });
    check({ kind: "put", resource: allergy("a1") }, undefined, "add allergy Penicillin");
    check({ kind: "put", resource: allergy("a1") }, allergy("a1", "Latex"), "change allergy Latex");
    check(patch("MedicationRequest", { status: "stopped" }), prescription("x"), "stop Metoprolol");
    check(patch("MedicationRequest", { status: "on-hold" }), { ...prescription("x"), medicationCodeableConcept: undefined }, "hold prescription");
    check(patch("DocumentReference", { docStatus: "final" }), { resourceType: "DocumentReference", id: "x", description: "Letter" }, "sign Letter");
    check(patch(A, { criticality: "high" }), allergy("x"), "change criticality of allergy Penicillin");
    check(patch(A, { onsetString: null }), allergy("x"), "change onset string of allergy Penicillin");
    check(patch(A, { criticality: "high", onsetString: null }), allergy("x"), "change allergy Penicillin");
    check({ kind: "delete", resourceType: A, id: "x" }, allergy("x"), "delete allergy Penicillin");
    check({ kind: "undelete", resourceType: A, id: "x" }, undefined, "restore allergy");
    check({ kind: "splice", resourceType: "DocumentReference", id: "x", element: "content", index: 0, delete: 0, insert: "a" }, undefined, "write in note");
    check({ kind: "batch", commands: [{ kind: "put", resource: allergy("a1") }] }, undefined, "add allergy Penicillin");
    check({ kind: "batch", commands: [{ kind: "put", resource: allergy("a1") }, { kind: "put", resource: allergy("a2") }] }, undefined, "2 changes");
  });

  test("of events", () => {
    const event = (name: string, action: ChartEvent["action"], changed: string[] = [], resource: object = allergy("a1")) =>
      eventWording({ event: name, action, changed, resource: fhir(resource) });
    expect(event("RESOURCE_CREATED", "created")).toBe("added allergy Penicillin");
    expect(event("RESOURCE_UPDATED", "updated", ["criticality", "$deleted"])).toBe("changed allergy Penicillin (criticality)");
    expect(event("RESOURCE_UPDATED", "updated", ["a", "b", "c", "d"])).toBe("changed allergy Penicillin");
    expect(event("RESOURCE_DELETED", "deleted", [], { resourceType: A, id: "a1" })).toBe("deleted allergy");
    expect(event("MEDICATION_PRESCRIBED", "created", [], prescription("m1"))).toBe("prescribed prescription Metoprolol");
    expect(event("MEDICATION_DISCONTINUED", "updated", ["status"], prescription("m1"))).toBe("stopped prescription Metoprolol");
  });
});
