// In a layer, so that our own styles win in whatever order a build loads them.
import "@mantine/core/styles.layer.css";
import "@mantine/notifications/styles.layer.css";
import "./styles/global.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { ChartroomError, connect, warnBeforeUnload } from "chartroom";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import type { Connect } from "./shared/chartroom";
import { keepFocus } from "./shared/focus";
import type { TokenSource } from "./shared/server";
import { Entrance } from "./signin/Entrance";
import { enter } from "./signin/enter";
import { SignedOut } from "./signin/session";
import { theme } from "./styles/theme";

// The key is the one that color-scheme.js reads before the first paint.
const colorSchemeManager = localStorageColorSchemeManager({ key: "chartroom-color-scheme" });
/** The browser asks before it closes a window that holds the only copy of an edit. */
const guarded: Connect = async ({ token, ...options }) => {
  const client = await connect({ ...options, ...(token && { token: forPackage(token) }) });
  const release = warnBeforeUnload(client);
  client.onStatus((status) => status === "closed" && release());
  return client;
};

/** In the package's words: it asks again later unless it is told that nobody is signed in. */
function forPackage(token: TokenSource): TokenSource {
  return async () => {
    try {
      return await token();
    } catch (error) {
      throw error instanceof SignedOut ? new ChartroomError("signed-out", error.message) : error;
    }
  };
}

const first = enter();
const root = document.getElementById("root");

if (root) {
  keepFocus(document);
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeManager}>
        {/* Beneath a dialog, whose buttons it would lie over. */}
        <Notifications position="bottom-center" limit={3} zIndex={190} className="notices" />
        <Entrance connect={guarded} first={first} />
      </MantineProvider>
    </StrictMode>,
  );
  // What is opened next comes while the server says whether it has sign-in.
  void import("./chart/ChartPage");
}
