"""Performs bot commands so that no effect happens twice.

How an effect lives; the words are the statuses of its row in the ledger (table `effects`):

    prepared --> authorized --+------------------> intended --> performed --> done      result and captured ids,
    (arguments   (policy,     |                       |     on the platform             in one transaction
     rendered)    places,     | needs approval        |                 +---> failed    certainly not performed
                  caps)       v                       |                 +---> unknown   nobody can tell: the run pauses
                           waiting --> approved ------+                          |
                              +------> rejected                                  +--> done | failed, as a person resolves
                                                                                      it: --done, --retry, --abandon

The intent is committed before the command is performed. A repeated attempt finds the row:

    done     --> return the recorded result
    intended --> ask the platform: performed --> record it, not performed --> perform it, can't tell --> unknown
    failed   --> perform it, unless it was abandoned
    unknown  --> pause the run, until a person resolves the effect

bot_command      the way through all of it: reads, and effects; one iteration at a time creates a name in a place
prepared_command renders the arguments, asks the policy, requests approval, enforces the caps, retries
effect_attempt   writes the row, and performs the command or finds what was done
captures         checks whether created objects still exist, and forgets their ids
row_updates      updates a table: the change and its row in one transaction
"""
