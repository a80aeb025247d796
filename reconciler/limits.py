"""The retries, timeouts, intervals and limits of the product, with their reasons.

Times are in seconds and sizes in bytes, unless the name says otherwise. Values that users can set
are options instead (settings/options/); limits of the API are in its description (api/); the
bounds of one text or one table of output are beside its code.
"""

# Reads and writes of the target.

API_CONNECT_TIMEOUT_SECONDS = 3
API_READ_TIMEOUT_SECONDS = 10
# A run that waits for its first response longer than this logs that it waits.
API_SILENCE_SECONDS = 5.0
# The default of botocore changed between versions, so the mode and the attempts are pinned. The
# next cycle retries the calls that still fail.
API_MAX_ATTEMPTS = 3
# A list that is still not complete after so many pages is treated as unreadable.
API_MAX_PAGES = 1_000
TAG_PAGE_SIZE = 100
# Pages of the tag index that the daemon reads again in each cycle.
TAG_PAGES_PER_CYCLE = 2

# AWS rejects signatures whose time is five minutes off; `doctor` reports less.
MAX_CLOCK_SKEW_SECONDS = 240

# A file with more targets is rejected, so that a mistake in a matrix cannot exhaust the memory.
MAX_TARGETS = 1_000

# Applying a plan.

# Up to this many updates of a wave are rechecked one by one, more of them in batches.
MAX_INDIVIDUAL_RECHECKS = 25
RECHECK_BATCH = 100
# Reads of App Mesh lagged up to two minutes behind its writes.
VERIFY_TIMEOUT_SECONDS = 120.0
VERIFY_FIRST_DELAY_SECONDS = 0.5
VERIFY_MAX_DELAY_SECONDS = 8.0
# A supervisor allows ten seconds for stopping; two of them remain for the report.
ABANDON_TIMEOUT_SECONDS = 8.0
# A signal within this time of the first one repeats it; a later one stops immediately.
SAME_SIGNAL_SECONDS = 1.0

# Up to this many last-applied records are renewed in one run.
MAX_RENEWALS = 1_000

# The daemon.

# Within this time a daemon describes every resource, also those that lists show as unchanged.
DESCRIPTION_SECONDS = 86_400.0

# The year 9999. A date of a later time may not exist in the local time zone.
END_OF_TIME = 253_370_764_800
TICK_SECONDS = 0.5
# File events within this time count as one change.
BURST_SECONDS = 0.4
# Ticks until a failed watch is tried again.
WATCH_RETRY_TICKS = 60
# Ticks between two reads of the source without an event, and if events have proved unreliable.
POLL_TICKS = 20
POLL_TICKS_WITHOUT_EVENTS = 4
# The event of a change that was noticed without one may still arrive for this many ticks.
EVENT_GRACE_TICKS = 6
# Cycles until files are read again although their metadata did not change.
CYCLES_PER_READ = 10
# Cycles until lists are read again although the revision of the target did not change.
CYCLES_PER_LISTING = 10
# Exit codes are kept only for clients that still wait for their cycle.
MAX_EXIT_CODES = 100
# Spreads the calls of daemons that were started together.
CYCLE_JITTER = 0.1
# The longest delay between two attempts at what keeps failing.
MAX_BACKOFF_SECONDS = 300.0
# A resource that was repaired this often is being changed by another writer.
MAX_REPAIRS = 3
# One API call with all its attempts takes 40 seconds at most, and the loop reports after each.
HEARTBEAT_TIMEOUT_SECONDS = 120.0
# How often a request that waits for a cycle asks the daemon whether it has ended.
CYCLE_POLL_SECONDS = 0.05
# How long a command waits for an answer of the daemon.
DAEMON_RESPONSE_TIMEOUT_SECONDS = 10.0

# Locks.

# After a holder has died, others see its last renewal within one step, wait one term, and take the
# lease at the next step: within two terms.
RENEWALS_PER_TERM = 3
# How long the release of a lease waits for a renewal in progress.
LOCK_RELEASE_TIMEOUT_SECONDS = 4.0
# The record of a fleet has a report of each target; an item of DynamoDB has at most 400 KB.
MAX_LOCK_RECORD_BYTES = 262_144
# Heartbeats of members have a shorter term than leases: after a member has died, others notice
# within two of its terms, wait for one term of the lease, and take it at the next step, within two
# terms of the lease together.
MEMBER_TERMS_PER_LOCK_TERM = 3
# Members of a fleet write the same record at about the same time.
MEMBERSHIP_ATTEMPTS = 10
# If other targets use the deletes of a plan while it is made, it is made again.
MAX_PLANS_PER_CYCLE = 3
# The period of --max-deletes-per-hour.
DELETE_BUDGET_SECONDS = 3600.0
# A daemon whose first fetch is late by this many revisions may start their rollout again.
MAX_SEEN_REVISIONS = 20
# The system writes one page at once or not at all, even if the process is killed. A longer record
# of a file is written beside the one before, and then the first line is pointed at it.
LOCK_FILE_PAGE_BYTES = 4_096
# A daemon that starts may have fetched late. If it has seen one revision for this time, which is
# longer than the pause between two fetches, no source has the one that is rolled out any more.
LATE_FETCH_SECONDS = 300.0
# A target that was removed by mistake, and is added again within this time, has its revision.
REMOVED_TARGET_SECONDS = 3600.0
# People wait for the heartbeat that holds or resumes a rollout.
ROLLOUT_COMMAND_TIMEOUT_SECONDS = 20.0
# A process that is suspended while it reads keeps its file locked.
LOCK_FILE_TIMEOUT_SECONDS = 1.0
LOCK_FILE_RETRY_DELAY_SECONDS = 0.01
# libpq uses no shorter timeout for connections than 2 s.
LOCK_DATABASE_TIMEOUT_SECONDS = 4

# The source and its manifests.

# Delays between the two scans of a snapshot; each entry is one attempt at a stable one.
SCAN_DELAYS_SECONDS = (0.03, 0.06, 0.12, 0.24, 0.48)
MAX_SOURCE_FILES = 10_000
MAX_SOURCE_DEPTH = 8
MAX_SOURCE_FILE_BYTES = 1 << 20
MAX_SOURCE_BYTES = 64 << 20
# Each name in a source is compared with each pattern.
MAX_IGNORE_PATTERNS = 200
# No path is longer; a pattern of 64 KiB takes a second to compile.
MAX_IGNORE_PATTERN_CHARACTERS = 4_096
MAX_IGNORE_FILE_BYTES = 64 << 10
# For a git command that reads. The heartbeat of the daemon goes on while it waits.
GIT_TIMEOUT_SECONDS = 60
# For a fetch, after the repository has answered: the first one may bring a long history.
GIT_FETCH_TIMEOUT_SECONDS = 300
# An HTTP transfer that is slower than this many bytes a second for so long has failed.
GIT_LOW_SPEED_BYTES = 1_000
GIT_LOW_SPEED_SECONDS = 30
# Another process may be fetching into the same cache for as long as a fetch may take.
GIT_LOCK_TIMEOUT_SECONDS = 300
GIT_LOCK_RETRY_SECONDS = 0.05
# The commit is only shown, so a run waits for it no longer than this. It takes milliseconds.
GIT_REVISION_TIMEOUT_SECONDS = 2
# The subject and the author of a commit are cut after this many characters each.
MAX_COMMIT_TEXT_CHARACTERS = 200
MAX_GIT_ERROR_CHARACTERS = 200
# Holds MAX_SOURCE_BYTES with the id of each file, or the list of 500,000 files.
MAX_GIT_OUTPUT_BYTES = 80 << 20
# One file that a fetch writes: the history without files, or with them if the server omits none.
MAX_GIT_FETCH_BYTES = 1 << 30
MAX_GIT_LINKS = 40
MAX_GIT_URL_CHARACTERS = 2_048
MAX_GIT_FILE_BYTES = 4_096
# 64 MiB of manifests, the most that a source may hold, take about 100 s of one core.
READING_TIMEOUT_SECONDS = 300
READING_HEARTBEAT_SECONDS = 1
# CPU time for the completion of a key, because a user waits for it: enough for about 2,000
# resources.
COMPLETION_CPU_SECONDS = 1.5
# A file of 1 MiB that is useful seldom has more documents: each takes about 200 bytes.
MAX_DOCUMENTS = 5_000
# Nodes and nesting of one document, against files made to exhaust memory or the stack.
MAX_NODES = 20_000
MAX_NODE_DEPTH = 32
# Diagnostics of one file.
MAX_DIAGNOSTICS = 100
# No field of App Mesh takes more characters.
MAX_VARIABLE_CHARACTERS = 4_096
# Comparisons of Kubernetes selectors, and services taken from backend groups, in one source. 1,000
# nodes that each take 100 services from groups still fit.
MAX_SELECTIONS = 100_000
# A diagnostic quotes at most this much of a line or of a value.
MAX_QUOTED_CHARACTERS = 80

# Other files that are read.

MAX_PLAN_FILE_BYTES = 16 << 20
# A device or a pipe may have no end, and settings are small.
MAX_CONFIG_FILE_BYTES = 1 << 20
# A setting has three parts at most, and a host name in a list fewer labels than this.
MAX_CONFIG_KEY_PARTS = 64
MAX_TOKEN_FILE_BYTES = 1_024
MAX_KEY_FILE_BYTES = 1 << 16
# About 5,000 access keys.
MAX_CREDENTIALS_FILE_BYTES = 1 << 20

# The history.

# A record has one to two KiB for each change, twice. The oldest file is removed.
HISTORY_FILE_BYTES = 16 << 20
HISTORY_FILES = 10
HISTORY_BLOCK_BYTES = 128 << 10

# The page of the daemon. Its log and its list of runs are read again every few seconds.
MAX_RECENT_RECORDS = 500
MAX_SHOWN_RUNS = 100

# Notifications.

NOTIFY_TIMEOUT_SECONDS = 5
# An unreadable target so soon after a failed change is the same outage.
OUTAGE_SECONDS = 900
# An outage of a chat lasts minutes, and an old notification is of no use to a person.
NOTIFY_RETRY_DELAYS_SECONDS = (1, 5, 30, 120)
NOTIFY_QUEUE = 100
# At the end of the daemon, of the ten seconds that a supervisor allows.
NOTIFY_STOP_SECONDS = 2

# Forges.

FORGE_CONNECT_TIMEOUT_SECONDS = 5
FORGE_READ_TIMEOUT_SECONDS = 20
FORGE_MAX_ATTEMPTS = 3
FORGE_MAX_DELAY_SECONDS = 10
FORGE_MAX_PAGES = 50
FORGE_PAGE_SIZE = 100
FORGE_MAX_RESPONSE_BYTES = 64 << 20
# A comment on GitHub holds this many characters; bytes are counted, which are never fewer.
MAX_COMMENT_BYTES = 65_536
# Mermaid draws no more in a forge (maxTextSize and maxEdges of its configuration).
MAX_MERMAID_CHARACTERS = 50_000
MAX_MERMAID_EDGES = 500
# The graph in a comment. A larger one leaves no space for the changes, and is too small to read.
MAX_COMMENT_GRAPH_CHARACTERS = 12_000

# Texts of other programs.

# An error of IAM names a caller, an action and a resource, each of up to some 300 characters.
MAX_FOREIGN_CHARACTERS = 1_000
# A stack trace holds the errors of other programs, and those may hold a whole response.
MAX_LOG_CHARACTERS = 1 << 16
# Keys that a sentence lists before it only counts the others.
MAX_KEYS_LISTED = 5
MAX_REFERRERS_LISTED = 50
# Classes of requests that a plan compares for one router or gateway: about half a second for 50
# routes. Without headers, 50 routes with a path each, and each method, make 500.
MAX_REQUEST_CLASSES = 2_000
# Effects on traffic that a plan lists for one change before it only counts the others.
MAX_EFFECTS_LISTED = 10
# Routes of one router or gateway that are compared with each other; the quota is 50.
MAX_ROUTES_COMPARED = 100
# The longest key has about 800 characters; fnmatch takes quadratic time for some patterns.
MAX_PATTERN_CHARACTERS = 1_024

# Serving HTTP.

MAX_CONNECTIONS = 512
# Metrics and health clients are few; limit them so that they cannot starve reconciliation.
MAX_STATUS_CONNECTIONS = 64
# From the start of a connection or a request until the whole request is received.
REQUEST_TIMEOUT_SECONDS = 20.0
# SDKs reuse connections. If the server closes one during a delete, the SDK does not retry it.
IDLE_TIMEOUT_SECONDS = 75
TLS_CLOSE_TIMEOUT_SECONDS = 0.5
MAX_HEAD_BYTES = 65_536
MAX_BODY_BYTES = 1 << 20
# GitHub sends payloads of at most 25 MB. They are not kept in memory.
MAX_WEBHOOK_BODY_BYTES = 25 << 20
# A shorter secret can be found from one signature. `openssl rand -hex 32` prints 64 characters.
MIN_WEBHOOK_SECRET_BYTES = 16
STOP_TIMEOUT_SECONDS = 5
# If a process may open no more files, asyncio tries to accept this often, and fails each time.
LISTEN_BACKLOG = 128

# Envoys.

MAX_PORT = 65_535
# An older part of a file was left by an export that was killed. To write one takes milliseconds.
ENVOY_PART_SECONDS = 60.0
# An export that could not write, such as to a full disk, is tried again.
ENVOY_RETRY_SECONDS = 3.0
# A validation takes a fifth of a second; a busy machine needs longer.
ENVOY_CHECK_TIMEOUT_SECONDS = 60

# The endpoint.

MAX_WRITES_PER_COMMIT = 256
# Old states that the endpoint keeps for reads that lag.
MAX_STALE_RESOURCES = 1_000
MAX_STALE_STATES = 16
MAX_HOLDER_URL_BYTES = 200
# How long to wait for the URL of a process that locked the data directory and is starting.
DIRECTORY_LOCK_TIMEOUT_SECONDS = 5.0
DIRECTORY_LOCK_RETRY_SECONDS = 0.02
# How often old client tokens are deleted.
TOKEN_DROP_SECONDS = 60
# How long a write waits for another process that locks the database.
DATABASE_BUSY_SECONDS = 5.0
# How often a thread that waits for a revision looks at it without a signal: in another process's
# database by a counter of SQLite, which costs 3 us, and in all others by a query.
DATA_VERSION_POLL_SECONDS = 0.01
REVISION_POLL_SECONDS = 1.0
# Rows that one query of the tag index reads; a page of the API has at most 100.
TAGGED_ROWS_PER_QUERY = 500
# A request whose read or write takes longer gets no answer any more.
STORE_TIMEOUT_SECONDS = 10.0
# PostgreSQL. Readers, writers and the probe have a connection each.
POSTGRESQL_READERS = 5
POSTGRESQL_WRITERS = 4
POSTGRESQL_CONNECTIONS = 10
# Each write is a subtransaction; the server is slower with more than 64 of them at once.
POSTGRESQL_WRITES_PER_COMMIT = 60
POSTGRESQL_CONNECT_SECONDS = 3
POSTGRESQL_POOL_SECONDS = 2.0
POSTGRESQL_RECONNECT_SECONDS = 2.0
# A transaction takes milliseconds. A process that is stopped in one loses it, and with it the lock.
POSTGRESQL_IDLE_SECONDS = 3
POSTGRESQL_LOCK_SECONDS = 5
# How long an endpoint that stops waits for a server that does not answer.
POSTGRESQL_CLOSE_SECONDS = 5.0
# A process that ends stops listening some time before it unlocks its data directory.
DIRECTORY_RELEASE_ATTEMPTS = 100
DIRECTORY_RELEASE_DELAY_SECONDS = 0.1
# The length of the longest name; fnmatch takes quadratic time for some patterns.
MAX_FAULT_PATTERN_CHARACTERS = 255
TAG_INDEX_PAGE_SIZE = 50
# Signatures of AWS: the difference between the clocks, and the lifetime of a presigned URL.
MAX_SIGNATURE_SKEW_SECONDS = 900
MAX_PRESIGNED_SECONDS = 604_800
# Shorter secrets can be found by trying them on a recorded request.
MIN_SECRET_CHARACTERS = 16

# Streams of Envoys. An apply of many resources is many commits, and each costs a translation.
XDS_DEBOUNCE_SECONDS = 0.02
XDS_MAX_DEBOUNCE_SECONDS = 0.1
XDS_INSTANCES_POLL_SECONDS = 0.5
XDS_RETRY_SECONDS = 0.5
PROXIES_POLL_SECONDS = 0.1
CLOUD_MAP_POLL_SECONDS = 5
CLOUD_MAP_MAX_RESULTS = 1000
# A proxy is rather led back to an older revision than left without one.
XDS_CATCH_UP_SECONDS = 5
XDS_STOP_TIMEOUT_SECONDS = 5
XDS_STATUS_TIMEOUT_SECONDS = 5
XDS_MAX_REQUEST_BYTES = 4 << 20
# Any client may claim any account. Each costs a thread, and none of these has resources.
XDS_MAX_EMPTY_SCOPES = 16
# A proxy that does not read costs no more than this.
XDS_MAX_UNSENT_BYTES = 8 << 20
