import { join } from "node:path"
import { serverVersionMin } from "../../sync/nats/setup/access.ts"
import { hubFolder } from "../../sync/nats/setup/hub-folder.ts"
import { bracketed, clusterPort, type HubNode, type HubPlan, placeFor } from "../../sync/nats/setup/plan.ts"
import { pidFile, serverFile, unitName } from "../../sync/nats/setup/server-files.ts"

/** What an administrator types next, as lines that can be copied into a shell. */
export interface Step {
  readonly what: string
  readonly commands: readonly string[]
}

/** What its access is for: said in words, for it is done at other machines, and once the servers have read who is let in. */
export const afterwards = (name: string, box: string) =>
  `With it the site's first box makes the site: gatehouse sync create --access ${name}.json
Any other joins it by a token of the first one: gatehouse sync invite --name ${name} --box ${box}`

export function stepsAfterInit(folder: string, plan: HubPlan): readonly Step[] {
  return [
    ...plan.nodes.flatMap((node) => serverSteps(folder, plan, node)),
    {
      what: `Here again, when ${plan.nodes.length === 1 ? "it runs" : "all run"}: make the site's streams`,
      commands: [gatehouse("prepare", folder)],
    },
    { what: "And let in a box", commands: [gatehouse("add-box gate-1", folder)] },
  ]
}

function serverSteps(folder: string, plan: HubPlan, node: HubNode): readonly Step[] {
  const [files, store] = [placeFor(plan.installedAt, node), placeFor(plan.storeAt, node)].map(quoted) as [string, string]
  const configuration = quoted(`${placeFor(plan.installedAt, node)}/${serverFile.configuration}`)
  const ports = [node.port, ...(plan.nodes.length === 1 ? [] : [clusterPort(node)])]
  return [
    {
      what: `Copy the files of ${node.name} to ${node.host}; they hold its key`,
      commands: [`scp -r ${quoted(join(folder, hubFolder.node(node, "")).replace(/\/$/, ""))} ${remote(node, files)}`],
    },
    {
      what: `On ${node.host}, as root, with nats-server ${serverVersionMin} or later (docs/hub.md: from where) and port ${ports.join(" and ")} open`,
      commands: [
        // A distribution's package has started one of its own, at the same port.
        "systemctl disable --now nats-server.service || true",
        "id nats || useradd --system --user-group --no-create-home nats",
        `chown -R nats:nats ${files} && chmod 0700 ${files}`,
        `install -d -o nats -g nats -m 0700 ${store}`,
        `nats-server -t -c ${configuration}`,
        `cp ${quoted(`${placeFor(plan.installedAt, node)}/${unitName(plan, node)}`)} /etc/systemd/system/`,
        `systemctl enable --now ${unitName(plan, node)}`,
      ],
    },
  ]
}

/** So that servers take what `add-box` and `remove-box` have written. */
export function reloadSteps(folder: string, plan: HubPlan): readonly Step[] {
  const accounts = (node: HubNode) => quoted(`${placeFor(plan.installedAt, node)}/${serverFile.accounts}`)
  return [
    {
      what: "Copy who is let in to each server",
      commands: plan.nodes.map(
        (node) => `scp ${quoted(join(folder, hubFolder.node(node, serverFile.accounts)))} ${remote(node, accounts(node))}`,
      ),
    },
    ...plan.nodes.map((node) => ({
      what: `On ${node.host}, as root: have ${node.name} read it; no line breaks but those of boxes that were removed`,
      commands: [`nats-server --signal reload=${quoted(pidFile(plan, node))}`],
    })),
  ]
}

export function stepsAfterAdding(folder: string, plan: HubPlan, name: string): readonly Step[] {
  const file = quoted(join(folder, hubFolder.box(name)))
  return [...reloadSteps(folder, plan), { what: `See that the hub lets ${name} in`, commands: [`gatehouse hub check ${file}`] }]
}

const gatehouse = (command: string, folder: string) => `gatehouse hub ${command} --folder ${quoted(folder)}`
const remote = ({ host }: HubNode, path: string) => `root@${bracketed(host)}:${path}`

/** As one word of a shell. */
const quoted = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
