import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./styles/global.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { connect } from "chartroom";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { theme } from "./styles/theme";

// The key is the one that color-scheme.js reads before the first paint.
const colorSchemeManager = localStorageColorSchemeManager({ key: "chartroom-color-scheme" });
const root = document.getElementById("root");

if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeManager}>
        <Notifications position="bottom-center" limit={3} />
        <App connect={connect} />
      </MantineProvider>
    </StrictMode>,
  );
}
