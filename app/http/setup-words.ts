/** What the page at /setup says. */
export type Language = "en" | "zh"

export interface SetupWords {
  readonly title: string
  readonly otherLanguage: string
  readonly intro: string
  readonly compare: string
  readonly code: string
  readonly codeHint: string
  readonly adminKey: string
  readonly adminKeyHint: string
  readonly send: string
  readonly done: string
  readonly writeDown: string
  readonly yourAdminKey: string
  readonly yourRecoveryKey: string
  readonly recoveryUse: string
  readonly notSealed: string
  readonly recoveryHeld: string
  readonly recoveryFailed: string
  readonly next: string
  readonly owned: string
  readonly ownedHint: string
  readonly mistyped: string
  readonly badRequest: string
  readonly wrongCode: (triesLeft: number) => string
  readonly locked: string
  readonly expired: string
}

export const setupWords: Readonly<Record<Language, SetupWords>> = {
  en: {
    title: "Set up this box",
    otherLanguage: "中文",
    intro: "Nobody owns this box yet. Whoever has its one-time code becomes its administrator.",
    compare:
      "Your browser cannot know a new box and has warned you. To be sure that it is this one, compare the certificate's SHA-256 fingerprint with the one on the box's console.",
    code: "Claim code",
    codeHint: "Ten letters and digits, from when the box was flashed, or from its console. Small letters will do.",
    adminKey: "Admin key (may stay empty)",
    adminKeyHint:
      "Left empty, the box makes a strong one. One of your own has at least 16 letters, digits or signs, and no blanks.",
    send: "Claim this box",
    done: "The box is yours",
    writeDown: "Write this down now. It is shown this once, and the box does not keep it.",
    yourAdminKey: "Admin key",
    yourRecoveryKey: "Recovery key",
    recoveryUse: "On paper, apart from the box: with it alone a backup opens on another machine.",
    notSealed:
      "There is no recovery key: the data folder is not sealed, so a thief of the disk could read it. The handbook says how to seal it.",
    recoveryHeld: "A recovery key was given out before. gatehouse vault recovery makes another one.",
    recoveryFailed:
      "No recovery key could be made, most likely because the master key is being rotated. Run gatehouse vault recovery when that is over.",
    next: "What the box can do, to read and to try out:",
    owned: "This box has its owner",
    ownedHint: "It cannot be claimed again. A lost admin key is replaced on the box itself: gatehouse admin reset-key",
    mistyped: "That is no claim code: it has ten letters and digits. This did not count as a try.",
    badRequest: "Something does not fit:",
    wrongCode: (triesLeft) =>
      triesLeft === 0
        ? "That is not the code, and it was the last try. On the box itself, gatehouse admin claim-code shows another code."
        : `That is not the code. ${triesLeft === 1 ? "One try is" : `${triesLeft} tries are`} left.`,
    locked: "Too many wrong codes were tried. On the box itself, gatehouse admin claim-code shows another code.",
    expired:
      "The code was good for 15 minutes, and they are over. Start the box again, or run gatehouse admin claim-code on it for another code.",
  },
  zh: {
    title: "设置此设备",
    otherLanguage: "English",
    intro: "此设备尚无所有者。持有一次性认领码的人将成为管理员。",
    compare: "浏览器不认识新设备，因此给出了警告。请将证书的 SHA-256 指纹与设备控制台上显示的指纹核对，确认连接的正是这一台。",
    code: "认领码",
    codeHint: "十位字母和数字，刷写时给出，或显示在设备的控制台上。大小写均可。",
    adminKey: "管理员密钥（可留空）",
    adminKeyHint: "留空时由设备生成一个高强度密钥。自行设定时，至少 16 个字母、数字或符号，不含空格。",
    send: "认领此设备",
    done: "认领成功",
    writeDown: "请立即抄录。以下内容只显示这一次，设备不会保存。",
    yourAdminKey: "管理员密钥",
    yourRecoveryKey: "恢复密钥",
    recoveryUse: "请写在纸上，与设备分开保管：仅凭它即可在另一台机器上打开备份。",
    recoveryHeld: "恢复密钥此前已经给出。运行 gatehouse vault recovery 可另生成一个。",
    recoveryFailed: "未能生成恢复密钥，很可能主密钥正在轮换。完成后请运行 gatehouse vault recovery。",
    notSealed: "没有恢复密钥：数据目录未封存，偷走磁盘的人可以读取其中内容。封存方法见手册。",
    next: "设备的接口，可查看并试用：",
    owned: "此设备已有所有者",
    ownedHint: "不能再次认领。管理员密钥遗失时，请在设备上运行 gatehouse admin reset-key 更换。",
    mistyped: "这不是认领码：认领码共有十位字母和数字。本次不计入尝试次数。",
    badRequest: "输入有误：",
    wrongCode: (triesLeft) =>
      triesLeft === 0
        ? "认领码不正确，且尝试次数已用完。请在设备上运行 gatehouse admin claim-code 获取新的认领码。"
        : `认领码不正确，还可尝试 ${triesLeft} 次。`,
    locked: "错误次数过多，已锁定。请在设备上运行 gatehouse admin claim-code 获取新的认领码。",
    expired: "认领码的有效期为 15 分钟，现已过期。请重新启动设备，或在设备上运行 gatehouse admin claim-code 获取新的认领码。",
  },
}

/**
 * The language that was chosen on the page, else the first of the browser's that we speak.
 *
 * @param accepted the header `accept-language`, such as `zh-CN,zh;q=0.9,en;q=0.8`; browsers list the best first
 */
export function languageOf(chosen: Language | undefined, accepted = ""): Language {
  if (chosen !== undefined) return chosen
  const wanted = accepted
    .toLowerCase()
    .split(",")
    .map((entry) => entry.trim().slice(0, 2))
  return wanted.find((tag): tag is Language => tag === "en" || tag === "zh") ?? "en"
}
