/** What became of one message: sign, channel, words. */
import { BellOff, Check, CircleHelp, Clock3, Layers, RotateCw, X } from "lucide-react";
import type { AlertDelivery } from "@/shared/api/ruleTypes";
import { useFormats } from "@/shared/format/use";
import classes from "./alerts.module.css";
import { channelWord, deliveryWords, type Sign, type Tone } from "./words";

const ICONS: Record<Sign, typeof Check> = {
  check: Check,
  clock: Clock3,
  retry: RotateCw,
  question: CircleHelp,
  cross: X,
  muted: BellOff,
  together: Layers,
};

export function SignMark({ sign, tone, size = 14 }: { sign: Sign; tone: Tone; size?: number }) {
  const Icon = ICONS[sign];
  return <Icon size={size} aria-hidden className={classes[tone]} />;
}

/** A moment near today as its clock time, others with their day. */
export function useMoment(): (at: string) => string {
  const formats = useFormats();
  return (at) => {
    const near = formats.day(at) === formats.day(Date.now());
    return near
      ? `${formats.clock(at, false)} ${formats.zoneWord}`
      : `${formats.dayShort(at)}, ${formats.clock(at, false)} ${formats.zoneWord}`;
  };
}

export function DeliveryWord({ delivery, others = 0 }: { delivery: AlertDelivery; others?: number }) {
  const formats = useFormats();
  const time = useMoment();
  const said = deliveryWords(delivery, { time, others });
  const name =
    delivery.channel === "in_app"
      ? ""
      : delivery.address_label && delivery.address_label !== "…"
        ? delivery.address_label
        : channelWord(delivery.channel);
  return (
    <span
      className={classes.delivery}
      data-state={delivery.state}
      title={[channelWord(delivery.channel), said.why, delivery.sent_at ? formats.full(delivery.sent_at) : ""]
        .filter(Boolean)
        .join(" · ")}
    >
      <SignMark sign={said.sign} tone={said.tone} />
      <span>
        {name && <b>{name} </b>}
        <span className={said.tone === "bad" ? classes.bad : undefined}>{said.words}</span>
      </span>
    </span>
  );
}
