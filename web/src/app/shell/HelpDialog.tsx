import { Modal } from "@mantine/core";
import classes from "./HelpDialog.module.css";

const KEYS: [string, [string, string][]][] = [
  [
    "Anywhere",
    [
      ["Ctrl K or /", "Command box: companies, actions, “alert infy > 1600”"],
      ["M", "Next mode: beginner, intermediate, advanced"],
      ["A", "New alert"],
      ["?", "This help"],
      ["Esc", "Closes; the focus goes back"],
    ],
  ],
  [
    "Go to",
    [
      ["G O", "Overview"],
      ["G W", "Watchlists"],
      ["G S", "Screener"],
      ["G P", "Options"],
      ["G A", "Alerts"],
      ["G H", "Data health"],
    ],
  ],
  [
    "In tables and maps",
    [
      ["J K or ↓ ↑", "Next and previous row"],
      ["Enter", "Open"],
      ["C and E", "Columns of the screener, and its rows as CSV"],
      ["Arrows", "Move between tiles of the heat map"],
    ],
  ],
  [
    "In an option chain",
    [
      ["Arrows", "Rows, and the prices of a row; Enter buys, again sells, again takes out"],
      ["C and E", "Columns, and the chain as CSV"],
      ["L , .", "Play or pause stored minutes, one back, one on"],
    ],
  ],
  [
    "On a chart",
    [
      ["1 and D", "One minute, one day"],
      ["[ and ]", "Shorter and longer range"],
      ["any other letter", "Search a symbol"],
      ["↑ ↓ on an alert’s level", "Move it by one step, Page keys by ten; Enter saves, Esc gives up"],
    ],
  ],
];

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard" size="lg">
      <div className={classes.groups}>
        {KEYS.map(([name, keys]) => (
          <section key={name}>
            <h3>{name}</h3>
            <dl>
              {keys.map(([key, words]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{words}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="dim">Single keys rest while you type and can be switched off in Settings.</p>
    </Modal>
  );
}
