/** Model, forward and rate behind every volatility: shown to all who see volatilities, chosen in the advanced mode. */
import { Button, NumberInput, Popover, Select } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import classes from "./options.module.css";
import type { Options } from "./useOptions";
import { forwardWords, MODELS, modelWords } from "./words";

export function ModelMenu({ options }: { options: Options }) {
  const { chain } = options;
  const advanced = useShows("advanced");
  const formats = useFormats();
  const [isOpen, setOpen] = useState(false);
  if (!chain) return null;
  const words = [
    modelWords(chain.model),
    chain.model === "black76" && chain.forward !== null
      ? `${formats.price(chain.forward)} from ${forwardWords(chain.forward_source)}`
      : "",
    `rate ${formats.percent((chain.rate ?? 0) * 100, { sign: false })}`,
    chain.expires_at ? `expires ${formats.full(chain.expires_at)}` : "",
  ]
    .filter(Boolean)
    .join(" · ");
  if (!advanced) return <span>{words}</span>;
  return (
    <Popover
      opened={isOpen}
      onChange={setOpen}
      trapFocus
      returnFocus
      width={300}
      position="top-start"
      withinPortal
    >
      <Popover.Target>
        <button
          type="button"
          className={classes.textButton}
          aria-label={`Model: ${words}. Change it`}
          onClick={() => setOpen(!isOpen)}
        >
          {words}
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Model and rate">
        {isOpen && <ModelForm options={options} onDone={() => setOpen(false)} />}
      </Popover.Dropdown>
    </Popover>
  );
}

function ModelForm({ options, onDone }: { options: Options; onDone: () => void }) {
  const { chain, go } = options;
  const [model, setModel] = useState(chain?.model ?? "black76");
  const [rate, setRate] = useState<string | number>(
    ((chain?.rate ?? 0) * 100).toFixed(2).replace(/\.?0+$/, ""),
  );
  const own = MODELS.find((one) => one.value === model)?.rate ?? 0;
  const send = (event: FormEvent) => {
    event.preventDefault();
    const chosen = rate === "" ? own : Number(rate);
    go({
      model: model === "black76" ? undefined : model,
      rate: chosen === own ? undefined : chosen,
    });
    onDone();
  };
  return (
    <form onSubmit={send} className={classes.form}>
      <Select
        label="Model"
        size="xs"
        data={MODELS.map(({ value, label }) => ({ value, label }))}
        value={model}
        onChange={(value) => {
          if (!value) return;
          setModel(value);
          setRate(MODELS.find((one) => one.value === value)?.rate ?? 0);
        }}
        comboboxProps={{ withinPortal: false }}
      />
      <NumberInput
        label="Rate, % a year"
        size="xs"
        min={-100}
        max={100}
        decimalScale={3}
        value={rate}
        onChange={setRate}
      />
      <p className="dim">
        Metrics and alerts keep the default model; this changes what the volatilities and Greeks of this page
        mean.
      </p>
      <Button type="submit" size="xs">
        Use it
      </Button>
    </form>
  );
}
