/** What happened to one alert: from the tick that decided it to the person who read it. */
import "@mantine/core/styles/Drawer.css";
import { Drawer } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { SignMark } from "@/shared/alerts/DeliveryWord";
import { bare, channelWord, lapse, timeline } from "@/shared/alerts/words";
import { alertQuery, storyQuery } from "@/shared/api/delivery";
import { duration } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { Skeleton } from "@/shared/ui/Panel";
import classes from "./StoryDrawer.module.css";

export default function StoryDrawer({ firing_id, onClose }: { firing_id: string; onClose: () => void }) {
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title="What happened to this alert">
      <Story firing_id={firing_id} />
    </Drawer>
  );
}

function Story({ firing_id }: { firing_id: string }) {
  const formats = useFormats();
  const advanced = useShows("advanced");
  const intermediate = useShows("intermediate");
  const alert = useQuery(alertQuery(firing_id));
  const story = useQuery(storyQuery(firing_id));
  if (story.error && !story.data)
    return (
      <p role="alert" className={classes.bad}>
        {story.error.message}
      </p>
    );
  if (!story.data) return <Skeleton height={240} />;
  const steps = timeline(story.data, intermediate);
  const day = (at: string) => formats.day(at);
  return (
    <>
      {alert.data && (
        <p className={classes.head}>
          <b>{alert.data.symbol}</b> {alert.data.rule}
        </p>
      )}
      <ol className={classes.story} aria-label="Story">
        {steps.map(({ line, step, sinceMs }, at) => {
          const before = steps[at - 1];
          const isNewDay = !before || day(before.line.at) !== day(line.at);
          const where =
            line.channel && line.what !== "inbox" ? line.address_label || channelWord(line.channel) : "";
          return (
            <li key={at}>
              <SignMark sign={step.sign} tone={step.tone} size={16} />
              <div>
                <p>
                  <b>{step.title}</b>
                  {where && <span className={classes.where}>{where}</span>}
                </p>
                {line.detail && line.what !== "inbox" && (
                  <p className={classes.detail}>{bare(line.detail)}</p>
                )}
                <p className={classes.time}>
                  <time dateTime={line.at} title={formats.full(line.at)} className="num">
                    {isNewDay && `${formats.dayShort(line.at)}, `}
                    {formats.clock(line.at)}
                    {advanced && `.${String(new Date(line.at).getUTCMilliseconds()).padStart(3, "0")}`}
                  </time>
                  {line.what === "decided" && " market time"}
                  {intermediate && sinceMs !== null && (
                    <span className="num"> · {lapse(sinceMs, duration)} after the record</span>
                  )}
                </p>
              </div>
            </li>
          );
        })}
      </ol>
      <p className={classes.foot}>
        Times in {formats.zoneWord}.
        {advanced && (
          <>
            {" "}
            Firing <code className="mono">{firing_id}</code>
          </>
        )}
      </p>
    </>
  );
}
