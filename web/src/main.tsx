import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./styles/global.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { connect, warnBeforeUnload } from "chartroom";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import type { Connect } from "./shared/chartroom";
import { theme } from "./styles/theme";

// The key is the one that color-scheme.js reads before the first paint.
const colorSchemeManager = localStorageColorSchemeManager({ key: "chartroom-color-scheme" });
/** The browser asks before it closes a window that holds the only copy of an edit. */
const guarded: Connect = async (options) => {
  const client = await connect(options);
  const release = warnBeforeUnload(client);
  client.onStatus((status) => status === "closed" && release());
  return client;
};

const root = document.getElementById("root");

if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeManager}>
        <Notifications position="bottom-center" limit={3} className="notices" />
        <App connect={guarded} />
      </MantineProvider>
    </StrictMode>,
  );
}
