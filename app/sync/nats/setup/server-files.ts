import { isIPv6 } from "node:net"
import { boxPermissions } from "../layout.ts"
import { addressOf, clusterPort, type HubNode, type HubPlan, monitorPort, placeFor } from "./plan.ts"

/** The files of one server, by their names in its folder. */
export const serverFile = {
  configuration: "nats-server.conf",
  accounts: "accounts.conf",
  certificate: "server.pem",
  key: "server.key",
  hubAuthority: "hub-ca.pem",
  boxesAuthority: "boxes-ca.pem",
} as const

/** The name of the service that runs a server: with its own, where one machine has several. */
export function unitName({ nodes }: HubPlan, { name, host }: HubNode): string {
  return nodes.filter((other) => other.host === host).length === 1 ? "gatehouse-hub.service" : `gatehouse-${name}.service`
}

export const pidFile = (plan: HubPlan, node: HubNode) => `${placeFor(plan.storeAt, node)}/nats-server.pid`

const quoted = (text: string) => JSON.stringify(text)

/** On all addresses of the machine; the second is of IPv4 too, but not every machine has it. */
const everywhere = ({ host }: HubNode) => (isIPv6(host) ? "[::]" : "0.0.0.0")

/**
 * The configuration of a server: https://docs.nats.io/running-a-nats-service/configuration. Servers before 2.10 do not know
 * `sync_interval` and refuse it, which is meant.
 */
export function serverConfiguration(plan: HubPlan, node: HubNode): string {
  const at = (name: string) => quoted(`${placeFor(plan.installedAt, node)}/${name}`)
  const tlsBy = (authority: string) =>
    [
      `    cert_file: ${at(serverFile.certificate)}`,
      `    key_file: ${at(serverFile.key)}`,
      `    ca_file: ${at(authority)}`,
      "    verify: true",
    ].join("\n")
  const sections = [
    `# The hub of the site ${plan.site}, server ${node.name}. Made by \`gatehouse hub init\`.`,
    `server_name: ${quoted(node.name)}
listen: ${quoted(`${everywhere(node)}:${node.port}`)}
# For this machine alone: /healthz, /jsz.
http: ${quoted(`127.0.0.1:${monitorPort(node)}`)}
pid_file: ${quoted(pidFile(plan, node))}`,
    `# Boxes show a certificate by the boxes' authority, and then their key (${serverFile.accounts}).
tls {
${tlsBy(serverFile.boxesAuthority)}
    timeout: 5
}`,
    `jetstream {
    store_dir: ${quoted(placeFor(plan.storeAt, node))}
    # What was acknowledged is on the disk. Usually a server writes it there every two minutes, and a power cut takes them.
    sync_interval: always
}`,
    ...(plan.nodes.length === 1 ? [] : [clusterSection(plan, node, tlsBy(serverFile.hubAuthority))]),
    `include ${quoted(serverFile.accounts)}`,
  ]
  return `${sections.join("\n\n")}\n`
}

function clusterSection(plan: HubPlan, node: HubNode, tls: string): string {
  const others = plan.nodes.filter(({ name }) => name !== node.name)
  const routes = others.map((other) => `        ${quoted(`tls://${addressOf(other.host, clusterPort(other))}`)}`)
  return `# Servers know each other by the hub's own authority: no box's certificate is by it.
cluster {
    name: ${quoted(`gatehouse-${plan.site}`)}
    listen: ${quoted(`${everywhere(node)}:${clusterPort(node)}`)}
    routes: [
${routes.join("\n")}
    ]
    tls {
${tls.replace(/^/gm, "    ")}
        timeout: 5
    }
}`
}

/** Who is let in, and to what: the same on every server. It holds public keys alone. */
export function accountsConfiguration(plan: HubPlan): string {
  const boxes = plan.boxes.map(({ name, box, nkey }) => {
    const { publish, subscribe } = boxPermissions(plan.site, box)
    const list = (subjects: readonly string[]) => subjects.map((subject) => `\n                    ${quoted(subject)}`).join("")
    return `        # ${name}
        {
            nkey: ${nkey}
            permissions: {
                publish: [${list(publish)}
                ]
                subscribe: [${list(subscribe)}
                ]
            }
        }`
  })
  return `# Made by \`gatehouse hub\`: add-box and remove-box write it anew.
accounts {
    ${quoted(`site-${plan.site}`)}: {
      jetstream: enabled
      users: [
        # The keeper, who makes the streams and may do everything within the site.
        { nkey: ${plan.keeper} }
${boxes.map((box) => `${box}\n`).join("")}      ]
    }
    # For whoever looks after the servers themselves.
    SYS: {
      users: [
        { nkey: ${plan.operator} }
      ]
    }
}
system_account: SYS
`
}

/** The service that runs a server, as the user \`nats\`. */
export function serviceUnit(plan: HubPlan, node: HubNode): string {
  const store = placeFor(plan.storeAt, node)
  return `[Unit]
Description=NATS server, the hub of Gatehouse's site ${plan.site}
Wants=network-online.target
After=network-online.target

[Service]
User=nats
Group=nats
ExecStart=nats-server --config ${placeFor(plan.installedAt, node)}/${serverFile.configuration}
ExecReload=/bin/kill -s HUP $MAINPID
# It moves its streams' leaders to the other servers first.
KillSignal=SIGUSR2
TimeoutStopSec=150
Restart=always
RestartSec=5
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
ReadWritePaths=${store}

[Install]
WantedBy=multi-user.target
`
}
