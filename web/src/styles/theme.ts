/** Colours and type of the workspace: calm, dense, and legible at night. */
import { Alert, Avatar, Button, createTheme, Drawer, DrawerHeader, Modal, ModalHeader, type MantineColorsTuple } from "@mantine/core";

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
    // Mantine's own orange and red are too pale for words.
    Alert: Alert.extend({ vars: (_, { color }) => ({ root: toneOf(color) }) }),
    // White initials stand out on these in light and dark; red is for danger alone.
    Avatar: Avatar.extend({ defaultProps: { allowedInitialsColors: ["indigo.8", "cyan.9", "teal.9", "violet.8", "grape.8", "pink.9", "blue.9"] } }),
    Drawer: Drawer.extend({ styles: { title: { fontWeight: 650 } } }),
    Modal: Modal.extend({ styles: { title: { fontWeight: 650, lineHeight: 1.3 } } }),
    // The head of a dialog is no banner of the page.
    DrawerHeader: DrawerHeader.extend({ defaultProps: { role: "presentation" } }),
    ModalHeader: ModalHeader.extend({ defaultProps: { role: "presentation" } }),
    Button: Button.extend({ styles: { label: { fontWeight: 550 } } }),
  },
});

/** The workspace's colours of warnings and alarms, for what Mantine calls orange and red. */
function toneOf(color: string | undefined) {
  const tone = color === "orange" ? "warning" : color === "red" ? "alarm" : undefined;
  return tone ? { "--alert-color": `var(--${tone})`, "--alert-bg": `var(--${tone}-surface)` } : {};
}
