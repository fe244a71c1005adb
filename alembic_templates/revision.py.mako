"""${message}"""

from __future__ import annotations

% for line in imports:
${line}
% endfor

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

operations = [
% for operation in operations:
    ${operation},
% endfor
]
