/** Colours and type of the workspace: calm, dense, and legible at night. */
import { Button, createTheme, Drawer, Modal, type MantineColorsTuple } from "@mantine/core";

const lagoon: MantineColorsTuple = [
  "#e9f6f6",
  "#d3eaeb",
  "#a6d5d8",
  "#76bfc4",
  "#4eacb3",
  "#33979f",
  "#258088",
  "#1a6a72",
  "#12565d",
  "#08444a",
];

/** Mantine's dark greys, drawn towards the surface colours of `global.css`. */
const dark: MantineColorsTuple = [
  "#dfe7ea",
  "#c2ced3",
  "#a3b1b8",
  "#7d8c94",
  "#3d4a51",
  "#2f3a40",
  "#232d32",
  "#1a2226",
  "#151c1f",
  "#0f1517",
];

export const theme = createTheme({
  primaryColor: "lagoon",
  primaryShade: { light: 7, dark: 6 },
  colors: { lagoon, dark },
  autoContrast: true,
  defaultRadius: "sm",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: "650", sizes: { h2: { fontSize: "1.375rem" }, h4: { fontSize: "1rem" } } },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Drawer: Drawer.extend({ styles: { title: { fontWeight: 650 } } }),
    Modal: Modal.extend({ styles: { title: { fontWeight: 650, lineHeight: 1.3 } } }),
    Button: Button.extend({ styles: { label: { fontWeight: 550 } } }),
  },
});
