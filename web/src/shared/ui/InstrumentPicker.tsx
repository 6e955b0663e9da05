/** Finds an instrument as one types; other choices (lists, indices) can stand below the companies. */
import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type CSSProperties, useState } from "react";
import { listQuery, searchQuery } from "@/shared/api/queries";
import { usePrefs } from "@/shared/prefs/prefs";

export interface PickerOption {
  value: string;
  label: string;
}

export interface PickerGroup {
  group: string;
  items: PickerOption[];
}

interface Props {
  label: string;
  isLabelShown?: boolean;
  /** What is chosen; its label stands in the field. */
  chosen: PickerOption | null;
  more?: PickerGroup[];
  placeholder?: string;
  size?: string;
  style?: CSSProperties;
  autoFocus?: boolean;
  error?: string | undefined;
  /** A dialog's edge would cut the list: there it stands above the page. */
  isInDialog?: boolean;
  onChoose: (option: PickerOption) => void;
}

export function InstrumentPicker(props: Props) {
  const { label, chosen, more = [], onChoose } = props;
  const [typed, setTyped] = useState<string | null>(null);
  const [isOpen, setOpen] = useState(false);
  const needle = (typed ?? "").trim();
  const [asked] = useDebouncedValue(needle, 120);
  const recent = usePrefs((prefs) => prefs.recent);
  const found = useQuery({ ...searchQuery(asked), enabled: asked.length > 0, placeholderData: (old) => old });
  const stocks = (needle ? (found.data?.items ?? []) : []).map((stock) => ({
    value: stock.instrument,
    label: stock.symbol,
    name: stock.name,
  }));
  // Nothing typed: what was seen lately, and what is traded most, for those who know no name yet.
  const active =
    useQuery({ ...listQuery("most-active", 6), enabled: isOpen, refetchInterval: false }).data?.items ?? [];
  const lately = recent.slice(0, 5).map((key) => ({ value: key, label: key.split(":")[1] ?? key }));
  const traded = active
    .filter((stock) => !recent.slice(0, 5).includes(stock.instrument))
    .map((stock) => ({ value: stock.instrument, label: stock.symbol, name: stock.name }));
  const others = more.map((group) => ({
    ...group,
    items: group.items.filter((item) => item.label.toLowerCase().includes(needle.toLowerCase())),
  }));
  const groups: PickerGroup[] = [
    ...(needle
      ? [{ group: "Companies and indices", items: stocks }]
      : [
          { group: "Seen lately", items: lately },
          { group: "Traded most now", items: traded },
        ]),
    ...others,
  ].filter((group) => group.items.length > 0);
  const all = groups.flatMap((group) => group.items);
  // The chosen one is always an option, or the field could not show it.
  const isListed = chosen === null || all.some((item) => item.value === chosen.value);
  const data = isListed || !chosen ? groups : [{ group: "Chosen", items: [chosen] }, ...groups];
  const names = new Map([...stocks, ...traded].map((stock) => [stock.value, stock.name]));
  return (
    <Select
      {...(props.isLabelShown ? { label } : { "aria-label": label })}
      placeholder={props.placeholder ?? "a company"}
      searchable
      clearable={false}
      {...(props.size && { size: props.size })}
      {...(props.style && { style: props.style })}
      {...(props.autoFocus && { autoFocus: true, "data-autofocus": true })}
      error={props.error}
      data={data}
      value={chosen?.value ?? null}
      searchValue={typed ?? chosen?.label ?? ""}
      onSearchChange={(text) => setTyped(text === chosen?.label ? null : text)}
      onFocus={(event) => event.currentTarget.select()}
      onBlur={() => setTyped(null)}
      onDropdownOpen={() => setOpen(true)}
      filter={({ options }) => options}
      nothingFoundMessage={
        needle
          ? found.isFetching
            ? "Searching…"
            : `Nothing is called “${needle}”`
          : "Type a name or a symbol"
      }
      // The list itself scrolls, and stands where its field does: keys and screen readers find it there.
      withScrollArea={false}
      styles={{ options: { maxHeight: 320, overflowY: "auto" } }}
      comboboxProps={{ width: 300, position: "bottom-start", withinPortal: props.isInDialog ?? false }}
      renderOption={({ option }) => (
        <span>
          {option.label}
          {names.get(option.value) && names.get(option.value) !== option.label && (
            <small className="dim"> {names.get(option.value)}</small>
          )}
        </span>
      )}
      onChange={(value) => {
        const item = all.find((one) => one.value === value);
        setTyped(null);
        if (item) onChoose({ value: item.value, label: item.label });
      }}
    />
  );
}
