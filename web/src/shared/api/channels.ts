/** Where messages go: the channels there are, and the cards of their kinds. Apart from what the first page asks. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Channel = Schemas["Channel"];
export type ChannelCard = Schemas["ChannelCard"];
export type ChannelField = Schemas["ChannelField"];
export type ChannelWay = Schemas["ChannelWay"];
export type ChannelBody = Schemas["ChannelBody"];
export type ChannelEdit = Schemas["ChannelEdit"];
type Book = Schemas["ChannelList"];

const asked = {
  queryKey: ["channels"],
  queryFn: ({ signal }: { signal: AbortSignal }) => unwrap(api.GET("/api/channels", { signal })),
} as const;

/** The owner's channels. */
export const channelsQuery = queryOptions({ ...asked, select: (book: Book) => book.items });

/** The channels together with the kinds that there are: one answer, one cache. */
export const channelBookQuery = queryOptions(asked);

function useAct<Input, Output>(act: (input: Input) => Promise<Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => client.invalidateQueries({ queryKey: ["channels"] }),
  });
}

const at = (channel_id: string) => ({ path: { channel_id } });

export const useAddChannel = () => useAct((body: ChannelBody) => unwrap(api.POST("/api/channels", { body })));

export const useEditChannel = () =>
  useAct(({ channel_id, ...body }: ChannelEdit & { channel_id: string }) =>
    unwrap(api.PUT("/api/channels/{channel_id}", { params: at(channel_id), body })),
  );

export const useDropChannel = () =>
  useAct((channel_id: string) =>
    unwrap(api.DELETE("/api/channels/{channel_id}", { params: at(channel_id) })),
  );

export const useTestChannel = () =>
  useMutation({
    mutationFn: (channel_id: string) =>
      unwrap(api.POST("/api/channels/{channel_id}/test", { params: at(channel_id) })),
  });

export const pushKey = async (): Promise<string> => (await unwrap(api.GET("/api/channels/push-key"))).key;
