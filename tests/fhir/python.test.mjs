// A published client in Python; the stage puts it into target/fhirpy where this machine has a Python for it.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT, temporaryFolder } from "../support/server.mjs";
import { startServer } from "./requests.mjs";

const PYTHON = process.env.FHIRPY ?? join(ROOT, "target", "fhirpy", "bin", "python");
const absent = spawnSync(PYTHON, ["-c", "import fhirpy"]).status !== 0 && "fhirpy is not installed";

test("fhirpy creates, updates, patches, searches, pages and deletes", { skip: absent }, async () => {
  const folder = await temporaryFolder("fhir-python");
  const server = await startServer(join(folder.path, "store"));
  try {
    const { stdout } = await promisify(execFile)(PYTHON, [join(ROOT, "tests", "fhir", "client.py"), `${server.http}/fhir/R4`]);
    assert.match(stdout, /did all of it/);
  } finally {
    await server.end();
    await folder.remove();
  }
});
