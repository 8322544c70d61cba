import { render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it } from "vitest";
import { keepFocus } from "./focus";

let release: () => void;

beforeEach(() => {
  release = keepFocus(document);
});

afterEach(() => release());

function Page({ rows, dialog = false, busy = false, bar = false }: { rows: readonly string[]; dialog?: boolean; busy?: boolean; bar?: boolean }) {
  return (
    <main>
      <h1>Chart</h1>
      <section>
        <button type="button" disabled={busy}>Add</button>
        <ul>
          {rows.map((row) => (
            <li key={row}>
              <button type="button">Remove {row}</button>
            </li>
          ))}
        </ul>
      </section>
      {dialog && (
        <div role="dialog">
          <button type="button">Save</button>
        </div>
      )}
      {bar && <button type="button">Sign in again</button>}
    </main>
  );
}

const focus = (name: string) => screen.getByRole("button", { name }).focus();
const focused = (text: string) => waitFor(() => expect(document.activeElement).toHaveTextContent(text));

it("goes from a row that is removed to the next, from the last one to that before it, and then to the section", async () => {
  const { rerender } = render(<Page rows={["a", "b", "c"]} />);
  focus("Remove b");
  rerender(<Page rows={["a", "c"]} />);
  await focused("Remove c");
  rerender(<Page rows={["a"]} />);
  await focused("Remove a");
  rerender(<Page rows={[]} />);
  await focused("Add");
});

it("goes back to where a dialog was opened, or next to it", async () => {
  const { rerender } = render(<Page rows={["a", "b"]} />);
  focus("Remove a");
  rerender(<Page rows={["a", "b"]} dialog />);
  focus("Save");
  rerender(<Page rows={["b"]} dialog />);
  rerender(<Page rows={["b"]} />);
  await focused("Remove b");
});

it("goes back into a dialog from what went away beside it", async () => {
  const { rerender } = render(<Page rows={["a"]} dialog bar />);
  focus("Save");
  focus("Sign in again");
  rerender(<Page rows={["a"]} dialog />);
  await focused("Save");
});

it("begins a page that comes in the place of another at its heading", async () => {
  const { rerender } = render(<Page key="one" rows={["a"]} />);
  focus("Remove a");
  rerender(<Page key="two" rows={["z"]} />);
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole("heading")));
});

it("leaves the focus nowhere where a person let go of it", async () => {
  const { rerender } = render(<Page rows={["a", "b"]} />);
  focus("Remove a");
  (document.activeElement as HTMLElement).blur();
  document.body.dispatchEvent(new MouseEvent("mouseup", { bubbles: true }));
  rerender(<Page rows={["b"]} />);
  await Promise.resolve();
  expect(document.activeElement).toBe(document.body);
});
