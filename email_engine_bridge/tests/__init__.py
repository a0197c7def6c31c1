from . import test_api_frame
from . import test_campaign_tools
from . import test_install
from . import test_pmta_config
from . import test_pmta_lint
from . import test_quota
from . import test_template_renderer
from . import test_warmup_tool
