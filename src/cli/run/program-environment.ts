import { platform } from "node:process"
import type { Environment } from "../../core/index.js"

/**
 * Variables by which somebody who may only choose a name would take a program over, or lead it
 * elsewhere, and in a word why. `*` stands for any end. Taken from what sudo, glibc and ssh refuse,
 * and from the manuals of the languages and tools that agents run. Neither keys (`GITHUB_TOKEN`,
 * `PGPASSWORD`) nor addresses with a key in them (`DATABASE_URL`, `HTTPS_PROXY`) are here.
 */
const REFUSED: readonly (readonly [why: string, names: string])[] = [
  [
    "it decides which code programs load",
    `LD_* _RLD* DYLD_* LDR_* LIBPATH SHLIB_PATH GCONV_PATH GLIBC_TUNABLES
    NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE NODE_COMPILE_CACHE NODE_CHANNEL_FD
    NODE_V8_COVERAGE NODE_REDIRECT_WARNINGS BUN_OPTIONS BUN_INSPECT* TS_NODE_* TSX_TSCONFIG_PATH
    PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONINSPECT PYTHONUSERBASE PYTHONEXECUTABLE
    PYTHONPLATLIBDIR PYTHONBREAKPOINT PYTHONWARNINGS PYTHONPYCACHEPREFIX PYTHONSAFEPATH
    PYTHONCASEOK PYTHONDEBUG PYTHONIOENCODING PYTHON_PRESITE PYTHON_HISTORY
    PERL5LIB PERL5OPT PERL5DB PERL5SHELL PERLLIB PERLIO PERLIO_DEBUG PERL_MB_OPT PERL_MM_OPT
    RUBYOPT RUBYLIB RUBYPATH RUBYSHELL GEM_HOME GEM_PATH BUNDLE_GEMFILE BUNDLE_PATH
    BUNDLE_APP_CONFIG
    JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JAVA_OPTS JAVA_HOME CLASSPATH MAVEN_OPTS
    MAVEN_ARGS GRADLE_OPTS SBT_OPTS ANT_OPTS CATALINA_OPTS
    DOTNET_STARTUP_HOOKS DOTNET_ADDITIONAL_DEPS DOTNET_SHARED_STORE DOTNET_ROOT* CORECLR_* COR_*
    COMPLUS_* PSMODULEPATH
    PHPRC PHP_INI_SCAN_DIR LUA_INIT* LUA_PATH* LUA_CPATH* R_PROFILE* R_ENVIRON* R_HOME R_LIBS*
    JULIA_LOAD_PATH JULIA_DEPOT_PATH TCLLIBPATH TCL_LIBRARY ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS
    ELIXIR_ERL_OPTIONS GUILE_LOAD_PATH GUILE_LOAD_COMPILED_PATH GHCRTS GHC_PACKAGE_PATH
    CAML_LD_LIBRARY_PATH AWKPATH AWKLIBPATH GOFLAGS GOROOT GOENV GOTOOLCHAIN
    RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS RUSTUP_TOOLCHAIN CARGO_BUILD_RUSTC*
    MAKEFLAGS MAKEFILES MFLAGS GNUMAKEFLAGS GTK_MODULES GTK_PATH GIO_EXTRA_MODULES QT_PLUGIN_PATH
    OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES`,
  ],
  ["it decides which programs are found", "PATH PATHEXT CDPATH EXECIGNORE PATH_LOCALE"],
  [
    "it changes what a shell does",
    `IFS ENV BASH_ENV BASHOPTS SHELLOPTS BASH_FUNC_* BASH_LOADABLES_PATH BASH_XTRACEFD PS0 PS1 PS2
    PS4 PROMPT_COMMAND GLOBIGNORE HISTFILE INPUTRC SHELL ZDOTDIR FPATH NULLCMD READNULLCMD
    FISH_FUNCTION_PATH FISH_USER_PATHS COMSPEC`,
  ],
  [
    "it makes Git run programs, or work elsewhere",
    `GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT GIT_EXTERNAL_DIFF GIT_CONFIG* GIT_EXEC_PATH GIT_ASKPASS
    GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_PROXY_COMMAND GIT_TEMPLATE_DIR GIT_DIR
    GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE GIT_ATTR_* GIT_ALLOW_PROTOCOL
    GIT_PROTOCOL_FROM_USER GIT_TRACE* GIT_CURL_VERBOSE GIT_REDIRECT_*`,
  ],
  [
    "it names a program that others start",
    `EDITOR VISUAL FCEDIT SUDO_EDITOR PAGER MANPAGER SYSTEMD_PAGER BROWSER LESSOPEN LESSCLOSE
    SSH_ASKPASS SUDO_ASKPASS SVN_SSH SVN_EDITOR HGEDITOR CVS_RSH RSYNC_RSH RSYNC_CONNECT_PROG
    NPM_CONFIG_* YARN_YARN_PATH YARN_RC_FILENAME YARN_PLUGINS`,
  ],
  [
    "it decides which settings programs find",
    `HOME USERPROFILE HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES*
    COMMONPROGRAMFILES* ALLUSERSPROFILE SYSTEMROOT SYSTEMDRIVE WINDIR USER LOGNAME PWD OLDPWD
    TMPDIR TMP TEMP TMPPREFIX XDG_* HGRCPATH PIP_CONFIG_FILE CURL_HOME WGETRC KRB5_CONFIG*
    KRB5_KTNAME GNUPGHOME VIMINIT EXINIT LOCPATH NLSPATH NIS_PATH GETCONF_DIR TZDIR TERMINFO*
    TERMCAP TERMPATH MALLOC_TRACE`,
  ],
  [
    "it decides whom programs trust",
    `NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_SYSTEM_CA SSL_CERT_FILE SSL_CERT_DIR
    SSLKEYLOGFILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE AWS_CA_BUNDLE PIP_CERT PYTHONHTTPSVERIFY
    GIT_SSL_NO_VERIFY GIT_SSL_CAINFO GIT_SSL_CAPATH SSH_AUTH_SOCK GPG_AGENT_INFO
    HOSTALIASES LOCALDOMAIN RES_OPTIONS RESOLV_HOST_CONF`,
  ],
  ["it would be ours, and those never reach the program", "AGENT_VAULT_*"],
]

/** What shells set by themselves, whatever it was: a program that one starts would get no other. */
const OF_SHELLS = `_ OPTIND PPID UID EUID GID EGID RANDOM SRANDOM SECONDS LINENO BASHPID BASH_SUBSHELL
  BASH_COMMAND BASH_LINENO BASH_SOURCE BASH_ARGC BASH_ARGV BASH_ALIASES BASH_CMDS BASH_VERSINFO
  EPOCHSECONDS EPOCHREALTIME HISTCMD DIRSTACK GROUPS FUNCNAME SHLVL`

/** What a program needs to run at all, whatever it is. */
const NEEDED = `PATH HOME USER LOGNAME SHELL TERM LANG LC_* TZ TMPDIR`
const NEEDED_ON_WINDOWS = `${NEEDED} PATHEXT SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC TEMP TMP USERNAME
  USERPROFILE HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES* COMMONPROGRAMFILES*
  ALLUSERSPROFILE PROCESSOR_ARCHITECTURE NUMBER_OF_PROCESSORS OS`

const OURS = "AGENT_VAULT_*"

/** Why a program is not given a variable of this name; undefined if it may be. */
export function whyRefused(variable: string): string | undefined {
  return REFUSED.find(([, names]) => isAmong(names, variable))?.[0]
}

/** The same, of a variable that would be a secret. */
export function whyRefusedToSecret(variable: string): string | undefined {
  if (takenApart(OF_SHELLS).exact.has(variable)) return "shells set it by themselves"
  return whyRefused(variable)
}

/**
 * The environment of a child: ours without our own variables (only what programs need, if it is to
 * be clean), and what it was given.
 */
export function childEnvironment(
  ours: Environment,
  given: ReadonlyMap<string, string>,
  isClean: boolean,
): Record<string, string> {
  const needed = platform === "win32" ? NEEDED_ON_WINDOWS : NEEDED
  const isKept = ([name]: [string, unknown]): boolean =>
    !isAmong(OURS, name) && (!isClean || isAmong(needed, name)) && !isGiven(name, given)
  const kept = Object.entries(ours).filter(isKept)
  return Object.fromEntries([...kept, ...given]) as Record<string, string>
}

/** On Windows, `Path` and `PATH` are one variable. */
function isGiven(name: string, given: ReadonlyMap<string, string>): boolean {
  if (platform !== "win32") return given.has(name)
  return [...given.keys()].some((other) => other.toUpperCase() === name.toUpperCase())
}

/** The names of a list, and the beginnings of those with any end. */
interface Names {
  readonly exact: ReadonlySet<string>
  readonly beginnings: readonly string[]
}

/** Each list, taken apart once: all of them are gone through for each variable of a program. */
const taken = new Map<string, Names>()

/** Case makes no difference: on Windows not to the system, and for proxies and npm not anywhere. */
function isAmong(list: string, variable: string): boolean {
  const names = takenApart(list)
  const upper = variable.toUpperCase()
  return names.exact.has(upper) || names.beginnings.some((each) => upper.startsWith(each))
}

function takenApart(list: string): Names {
  const before = taken.get(list)
  if (before !== undefined) return before
  const names = list.split(/\s+/)
  const open = names.filter((name) => name.endsWith("*"))
  const apart = {
    exact: new Set(names.filter((name) => !name.endsWith("*"))),
    beginnings: open.map((name) => name.slice(0, -1)),
  }
  taken.set(list, apart)
  return apart
}
