/** Mantine in Marketbell's clothes. All mending of the kit's defaults (contrast, names) stands here. */
import {
  ActionIcon,
  Button,
  type CSSVariablesResolver,
  createTheme,
  Drawer,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  Menu,
  Modal,
  NumberInput,
  SegmentedControl,
  Select,
  Switch,
  Textarea,
  TextInput,
  Tooltip,
} from "@mantine/core";

const ink: MantineColorsTuple = [
  "#f5f4f0",
  "#eceae5",
  "#d8d5cd",
  "#b8b6b0",
  "#8f969a",
  "#62686d",
  "#4a4f54",
  "#2f3336",
  "#1d2022",
  "#131516",
];

/** Dark surfaces of the kit: body, panels, inputs, borders. */
const dark: MantineColorsTuple = [
  "#eceae5",
  "#b0b4b6",
  "#8f969a",
  "#5d656a",
  "#33393c",
  "#262b2e",
  "#1d2123",
  "#151819",
  "#0e1011",
  "#0a0b0c",
];

export const theme = createTheme({
  fontFamily: "var(--mb-font)",
  fontFamilyMonospace: "var(--mb-mono)",
  headings: { fontFamily: "var(--mb-font)", fontWeight: "600" },
  colors: { ink, dark },
  primaryColor: "ink",
  primaryShade: { light: 8, dark: 1 },
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  variantColorResolver: (input) => {
    const resolved = defaultVariantColorsResolver(input);
    if (input.variant === "filled" && (input.color ?? "ink") === "ink") {
      return {
        ...resolved,
        background: "var(--mb-ink)",
        hover: "color-mix(in srgb, var(--mb-ink) 86%, var(--mb-panel))",
        color: "var(--mb-on-ink)",
        border: "none",
      };
    }
    if (input.variant === "subtle" && (input.color ?? "ink") === "ink") {
      return { ...resolved, color: "var(--mb-text-1)", hover: "var(--mb-raised)" };
    }
    return resolved;
  },
  components: {
    Button: Button.extend({ defaultProps: { size: "sm" } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: "subtle", size: 32 } }),
    Modal: Modal.extend({
      defaultProps: {
        closeButtonProps: { "aria-label": "Close" },
        centered: true,
        overlayProps: { opacity: 0.6 },
      },
    }),
    Drawer: Drawer.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
    // A menu may hold its items and nothing that takes the focus beside them: the first item takes it.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    Tooltip: Tooltip.extend({
      defaultProps: { openDelay: 250, withArrow: false, events: { hover: true, focus: true, touch: true } },
    }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: "sm", transitionDuration: 120 } }),
    TextInput: TextInput.extend({ defaultProps: { size: "sm" } }),
    Textarea: Textarea.extend({ defaultProps: { size: "sm" } }),
    NumberInput: NumberInput.extend({ defaultProps: { size: "sm" } }),
    // The kit's thumb is white on what is our light track.
    Switch: Switch.extend({
      styles: { thumb: { background: "var(--mb-panel)", borderColor: "var(--mb-line-strong)" } },
    }),
    Select: Select.extend({ defaultProps: { size: "sm", allowDeselect: false } }),
  },
});

const common = {
  "--mantine-color-body": "var(--mb-bg)",
  "--mantine-color-text": "var(--mb-text-1)",
  "--mantine-color-dimmed": "var(--mb-text-2)",
  "--mantine-color-placeholder": "var(--mb-text-3)",
  "--mantine-color-error": "var(--mb-bad)",
  "--mantine-color-default": "var(--mb-panel)",
  "--mantine-color-default-hover": "var(--mb-raised)",
  "--mantine-color-default-color": "var(--mb-text-1)",
  "--mantine-color-default-border": "var(--mb-line)",
  "--mantine-color-anchor": "var(--mb-text-1)",
  "--mantine-primary-color-filled": "var(--mb-ink)",
  "--mantine-primary-color-contrast": "var(--mb-on-ink)",
};

export const variables: CSSVariablesResolver = () => ({ variables: {}, light: common, dark: common });
